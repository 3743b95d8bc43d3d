"""Pages for machines: health, metrics, robots, the well-known addresses. No page about a person."""

from __future__ import annotations

import datetime
import time
from functools import lru_cache
from ipaddress import ip_address

from flask import Blueprint, Response, abort, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from werkzeug.wrappers import Response as Redirect

from webapp.pages import _request, _response, guards
from webapp.services import health

blueprint = Blueprint("system", __name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
_ROBOTS = "User-agent: *\n" + "".join(
    f"Disallow: {path}\n" for path in (
        "/settings/", "/admin/", "/login", "/signup", "/reset", "/verify", "/confirm", "/claim", "/oauth/", "/hooks/",
    )
)


@blueprint.record_once
def _count_requests(state: object) -> None:
    """Each application keeps its own registry. Labels are route patterns and status classes, nothing of a request."""
    app = state.app  # type: ignore[attr-defined]
    registry = CollectorRegistry()
    requests = Counter("vitrine_requests", "Answered requests", ("route", "method", "status"), registry=registry)
    seconds = Histogram(
        "vitrine_request_seconds", "Time to answer", ("route",), registry=registry,
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    )
    gauges = {name: Gauge(f"vitrine_{name}", text, registry=registry) for name, text in (
        ("outbox_waiting", "Mails waiting to be sent"), ("outbox_retrying", "Mails that failed at least once"),
    )}
    app.extensions["vitrine_metrics"] = (registry, gauges)

    @lru_cache(maxsize=1024)
    def meters(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        return requests.labels(route, method, f"{status}xx"), seconds.labels(route)

    @app.after_request
    def count(response: Response) -> Response:
        rule, method, began = request.url_rule, request.method, g.get("began")
        counter, histogram = meters(
            rule.rule if rule else "-", method if method in _METHODS else "other", response.status_code // 100
        )
        counter.inc()
        if began is not None:
            histogram.observe(time.perf_counter() - began)
        return response


@blueprint.get("/healthz")
@guards.public
def healthz() -> Response:
    """The process answers."""
    return _text("ok\n")


@blueprint.get("/readyz")
@guards.public
def readyz() -> Response:
    """The database takes a write and has the schema of this release; else 503."""
    problem = health.check_ready(_request.context(), _request.now())
    return _text("ready\n") if not problem else _text("not ready\n", 503)


@blueprint.get("/metrics")
@guards.public
def metrics() -> Response:
    """Prometheus text of this worker, for scrapers on the same machine; unknown to everybody else.

    Behind a proxy on this machine that TRUSTED_PROXIES does not name, everybody seems local: what was forwarded is not.
    """
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if is_forwarded or not request.remote_addr or not ip_address(request.remote_addr).is_loopback:
        abort(404)
    registry, gauges = current_app.extensions["vitrine_metrics"]
    for name, value in health.load_gauges(_request.context()).items():
        gauges[name].set(value)
    return _text(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@blueprint.get("/robots.txt")
@guards.public
def robots() -> Response:
    """What crawlers are asked to leave alone, and where the sitemap is."""
    return _text(f"{_ROBOTS}\nSitemap: {_request.context().site.base_url}/sitemap.xml\n")


@blueprint.get("/.well-known/security.txt")
@guards.public
def security_txt() -> Response:
    """RFC 9116, if the operator set SECURITY_CONTACT; the expiry is the end of next year."""
    contact = current_app.config["SECURITY_CONTACT"]
    if not contact:
        abort(404)
    year = datetime.datetime.fromtimestamp(_request.now(), datetime.UTC).year + 1
    base = _request.context().site.base_url
    return _text(
        f"Contact: {contact}\nExpires: {year}-12-31T23:59:59Z\nCanonical: {base}/.well-known/security.txt\n"
        "Preferred-Languages: en\n"
    )


@blueprint.get("/.well-known/change-password")
@guards.public
def change_password() -> Redirect:
    """Where password managers find the page to change the password."""
    return _response.see_other("/settings/security")


def _text(body: str | bytes, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Response:
    response = Response(body, status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response
