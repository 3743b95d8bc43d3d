"""A coarse brake on changes per address: a script that floods forms gets 429. Counts in memory, or shared by REDIS_URL.

Attempts at passwords and mails are counted in the database (services.throttle), for every worker alike (T8).
"""

from __future__ import annotations

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address


class ChangesOnly(Limiter):
    """Looks at changes only: reads have no limit here, and looking for one costs as much as reading a profile."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if request.method not in {"GET", "HEAD"}:
            super()._check_request_limit(callable_name, in_middleware)


#: get_remote_address is the peer's address; X-Forwarded-For counts only behind TRUSTED_PROXIES (ProxyFix in app.py).
limiter = ChangesOnly(key_func=get_remote_address, default_limits=["240/minute"])
