"""Sites with plugins made for a test: what a plugin is made of, and a context or app that has it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from types import SimpleNamespace

from flask import Flask

from policies import hookimpl
from policies.manager import PolicyManager
from tests.conftest import NOW
from webapp.config import Config
from webapp.services import plugins
from webapp.services.context import Context
from webapp.services.warm import WarmCache


def plugin(**hooks: Callable[..., object]) -> SimpleNamespace:
    """A plugin with the given hooks."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def plug(
    ctx: Context, *found: tuple[str, object], may_widen: Collection[str] = (), clock: Callable[[], float] | None = None,
    record: bool = True,
) -> Context:  # fmt: skip
    """The same site with these plugins, as a process that has just started; recorded as `vitrine migrate` does."""
    fresh = replace(ctx, manager=PolicyManager(found, may_widen, clock), clock=lambda: NOW, _gate=None)
    fresh.warm = WarmCache()
    if record:
        plugins.record(fresh, NOW)
    return fresh


def serve(ctx: Context, config: Config) -> Flask:
    """The application of a context."""
    from webapp.app import create_app

    app = create_app(replace(config, database_url=ctx.db.url), context=ctx)
    app.testing = True
    app.config["CLOCK"] = lambda: NOW
    return app
