"""create_app(): the one wiring point. What joins the parts is here; what the parts do is in their own modules."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask
from jinja2 import StrictUndefined

from policies.manager import PolicyManager
from webapp.config import Config
from webapp.services.context import Context, Site
from webapp.store.database import Database

ROOT = Path(__file__).resolve().parent.parent


def open_context(config: Config, database: Database | None = None) -> Context:
    """The services' context for a configuration. The first statement connects, so workers may fork before."""
    site = Site(
        name=config.site_name, base_url=config.base_url, secret_key=config.secret_key, data_dir=config.data_dir,
        smtp_url=config.smtp_url, mail_from=config.mail_from,
    )
    return Context(db=database or Database.open(config.database_url), manager=PolicyManager(), site=site)


def create_app(config: Config | None = None, *, context: Context | None = None) -> Flask:
    """The WSGI application. `context` is given by tests and commands that hold one already.

    Errors: ConfigError listing every problem of the environment.
    """
    config = config or Config.from_env(os.environ)
    app = Flask("webapp", template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.extensions["vitrine"] = context or open_context(config)
    return app
