"""create_app(): the one wiring point. What joins the parts is here; what the parts do is in their own modules."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import peewee
from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFProtect
from htmx_flask import Htmx
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp.api import docs, hooks, ingest, oauth, reads
from webapp.config import Config
from webapp.pages import (
    _headers,
    _limits,
    _login,
    _site,
    admin,
    apps,
    auth,
    claims,
    consent,
    credentials,
    data,
    edit,
    errors,
    front,
    invitations,
    kudos,
    leaving,
    linking,
    media,
    people,
    profile,
    security,
    sitemap,
    system,
    visibility,
    webhooks,
)
from webapp.pages._look import register_template_helpers
from webapp.plugins import load_policies, origins
from webapp.services import plugins
from webapp.services.context import Context, Proving, Site
from webapp.services.warm import MEBIBYTE, WarmCache
from webapp.store.database import Database

ROOT = Path(__file__).resolve().parent.parent

#: The page areas; each module holds one `blueprint`.
PAGES = (
    system, sitemap, front, media, people, profile, auth, claims, security, edit, visibility, linking, leaving, data,
    admin, apps, consent, docs, invitations, webhooks, kudos, credentials,
)
#: JSON for programs: bearer tokens only, no cookie, so no form token either (T73).
APIS = (reads, ingest, oauth, hooks)

#: What a request body may hold: a picture of 2 MB with its form around it.
MAX_BODY = 3 * 1024 * 1024
MAX_FORM_TEXT = 256 * 1024
MAX_FORM_PARTS = 200


class Application(Flask):
    """Flask, told once that no view and no hook here is a coroutine: it would look at each of them in each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself."""
        return func


class FormTokens(CSRFProtect):
    """Flask-WTF's check of form tokens, which a read does not need: said before it asks what is exempt."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Refuse a change without the session's token."""
        if request.method in current_app.config["WTF_CSRF_METHODS"]:
            super().protect(apply_exemptions)


def open_context(config: Config, database: Database | None = None) -> Context:
    """The services' context for a configuration. The first statement connects, so workers may fork before."""
    site = Site(
        name=config.site_name, base_url=config.base_url, secret_key=config.secret_key, data_dir=config.data_dir,
        proving=Proving(
            config.domain_nameservers, config.domain_private_networks, config.domain_ca_file,
            hook_networks=config.webhook_private_networks,
        ),
        smtp_url=config.smtp_url, mail_from=config.mail_from, hook_secrets=config.hook_secrets,
    )
    return Context(
        db=database or Database.open(config.database_url), manager=load_policies(config), site=site,
        warm=WarmCache(config.warm_cache_mb * MEBIBYTE), clock=time.time,
    )


def create_app(config: Config | None = None, *, context: Context | None = None) -> Flask:
    """The WSGI application. `context` is given by tests and commands that hold one already.

    Errors: ConfigError listing every problem of the environment.
    """
    config = config or Config.from_env(os.environ)
    app = Application("webapp", template_folder=str(ROOT / "templates"), static_folder=None)
    app.config.update(_settings(config))
    app.extensions["vitrine"] = context or open_context(config)
    if config.trusted_proxies:
        n = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n)  # type: ignore[method-assign]

    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.globals["base_url"] = config.base_url
    register_template_helpers(app)

    _headers.register(app, is_https=config.is_https)
    errors.register(app)
    _answer_database_errors(app)
    Htmx(app)
    _limits.register(app)       # before the token is checked: a flood without tokens is a flood too
    csrf = FormTokens(app)
    _login.register(app)
    _site.register(app)
    for area in PAGES:
        app.register_blueprint(area.blueprint)
    for api in APIS:
        csrf.exempt(api.blueprint)
        app.register_blueprint(api.blueprint)
    app.extensions["vitrine_plugin_origins"] = origins(config)
    app.teardown_request(partial(_note_plugin_errors, app))
    return app


def _note_plugin_errors(app: Flask, error: BaseException | None) -> None:
    """After a request: what plugins failed at is counted in the database; that failing breaks no page."""
    ctx: Context = app.extensions["vitrine"]
    if ctx.manager.isolation.has_news:
        try:
            plugins.flush(ctx, int(app.config["CLOCK"]()))
        except Exception as failed:
            logging.getLogger("vitrine.plugins").error("noting errors failed: %s", type(failed).__name__)


def _settings(config: Config) -> dict[str, object]:
    return {
        "SECRET_KEY": config.secret_key,
        "SESSION_COOKIE_NAME": "__Host-session" if config.is_https else "session",
        "SESSION_COOKIE_SECURE": config.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": timedelta(days=30),
        "TRUSTED_HOSTS": sorted(config.hosts),
        "PREFERRED_URL_SCHEME": "https" if config.is_https else "http",
        "PROVIDE_AUTOMATIC_OPTIONS": False,     # what is not declared is refused (T72)
        "MAX_CONTENT_LENGTH": MAX_BODY,
        "MAX_FORM_MEMORY_SIZE": MAX_FORM_TEXT,
        "MAX_FORM_PARTS": MAX_FORM_PARTS,
        "WTF_CSRF_TIME_LIMIT": None,            # a token lives as long as its session
        "COMPRESS_REGISTER": False,             # _headers.py decides per answer
        "COMPRESS_ALGORITHM": ["br", "gzip"],
        "COMPRESS_BR_LEVEL": 5,                 # a fifth less than level 4; kept pages pay once
        "COMPRESS_CACHE_KEY": lambda request: g.etag,
        "RATELIMIT_STORAGE_URI": config.redis_url or "memory://",
        "RATELIMIT_HEADERS_ENABLED": False,     # _limits.py writes them
        "API_READS_PER_MINUTE": config.api_reads,
        # Without Redis each process counts by itself until it is back: a brake that fails must not stop the site.
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": bool(config.redis_url),
        "SECURITY_CONTACT": config.security_contact,
        "CLOCK": time.time,
    }


def _answer_database_errors(app: Flask) -> None:
    """A database that is gone, full or read-only answers 503, and the next request connects anew."""

    def unavailable(error: Exception) -> Response:
        app.extensions["vitrine"].db.close_if_broken()
        return errors.unavailable(error)

    for kind in (peewee.OperationalError, peewee.InterfaceError):
        app.register_error_handler(kind, unavailable)
