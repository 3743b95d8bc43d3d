"""A coarse brake on floods: changes are counted by network, reads of the API by token or network; beyond it is 429.

Counts in memory, or shared by REDIS_URL. Attempts at passwords and mails are counted in the database
(services.throttle), for every worker alike (T8). Pages have no limit on reads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from flask import Blueprint, Flask, Response, current_app, request
from flask_limiter import Limiter

from webapp.services.throttle import remote_key

log = logging.getLogger("vitrine.limits")

_READS = frozenset({"GET", "HEAD"})
T = TypeVar("T")


def network() -> str:
    """The network a request comes from. X-Forwarded-For counts only behind TRUSTED_PROXIES (ProxyFix in app.py)."""
    return remote_key(request.remote_addr)


class Brake(Limiter):
    """Looks at changes, and at reads of the blueprints given to `count_reads`: looking costs a tenth of a profile."""

    counted: frozenset[str] = frozenset()

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if self.counts():
            super()._check_request_limit(callable_name, in_middleware)

    def counts(self) -> bool:
        """Whether this request is looked at."""
        method = request.method
        if method not in _READS:
            return method != "OPTIONS"
        return request.blueprint in self.counted and bool(current_app.config["API_READS_PER_MINUTE"])


limiter = Brake(key_func=network, default_limits=["240/minute"])


def count_reads(blueprint: Blueprint, who: Callable[[], str]) -> None:
    """Count the reads of a blueprint together, under the key that `who` gives."""
    limiter.counted |= {blueprint.name}
    limiter.shared_limit(_reads, "api-reads", key_func=who)(blueprint)


def register(app: Flask) -> None:
    """Count from now on, and tell the callers where they stand."""
    limiter.init_app(app)
    app.after_request(_tell)
    for hooks in (app.after_request_funcs[None], app.teardown_request_funcs[None]):
        ours = [hook for hook in hooks if _is_ours(hook)]
        hooks[:] = [hook for hook in hooks if not _is_ours(hook)] + [partial(_where_counted, ours)]


def _is_ours(hook: Callable[..., Any]) -> bool:
    function = hook.func if isinstance(hook, partial) else hook
    return function is _tell or function.__module__ == Limiter.__module__


def _where_counted(hooks: Sequence[Callable[[T], Any]], given: T) -> T:
    """What the brake does after a request, last registered first; nothing if it did not look: most only read a page."""
    if limiter.counts():
        for hook in reversed(hooks):
            hook(given)
    return given


def _reads() -> str:
    return f"{current_app.config['API_READS_PER_MINUTE']}/minute"


def _tell(response: Response) -> Response:
    """RateLimit-* on whatever was counted; Retry-After where it was too much. Seconds, both."""
    found = limiter.current_limit
    if found is None:
        return response
    try:
        remaining, seconds = found.remaining, max(1, int(found.reset_at - time.time()))
    except Exception as error:      # the store went away since it counted: the answer matters more than the figures
        log.warning("the figures of a limit cannot be read (%s)", type(error).__name__)
        remaining, seconds = None, 60
    if remaining is not None:
        response.headers["RateLimit-Limit"] = str(found.limit.amount)
        response.headers["RateLimit-Remaining"] = str(remaining)
        response.headers["RateLimit-Reset"] = str(seconds)
    if found.breached:
        response.headers["Retry-After"] = str(seconds)
    return response
