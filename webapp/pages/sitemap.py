"""/sitemap.xml and its files: the addresses that search engines are told of, the same for everybody who asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from flask import Blueprint, Response, abort

from webapp.pages import _request, guards
from webapp.services import sitemap

blueprint = Blueprint("sitemap", __name__)

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: The pages that are about nobody.
_GENERAL = ("/", "/terms", "/privacy")


@blueprint.get("/sitemap.xml")
@guards.public
def index() -> Response:
    """The list of files."""
    context = _request.context()
    base = context.site.base_url
    files = [f"{base}/sitemap-pages.xml"]
    files += [f"{base}/sitemap-{number}.xml" for number in range(1, sitemap.count_files(context) + 1)]
    body = "".join(f"<sitemap><loc>{escape(url)}</loc></sitemap>\n" for url in files)
    return _xml([f'{_HEAD}<sitemapindex xmlns="{_SCHEMA}">\n{body}</sitemapindex>\n'])


@blueprint.get("/sitemap-pages.xml")
@guards.public
def pages() -> Response:
    """The pages of the site itself."""
    return _xml(_urls(_request.context().site.base_url, [list(_GENERAL)]))


@blueprint.get("/sitemap-<int:file>.xml")
@guards.public
def profiles(file: int) -> Response:
    """Up to 50,000 profiles, sent as they are read."""
    context = _request.context()
    found = sitemap.list_file(context, file)
    if found is None:
        abort(404)
    return _xml(_urls(context.site.base_url, ([f"/u/{handle}" for handle in some] for some in found)))


def _urls(base: str, batches: Iterable[list[str]]) -> Iterator[str]:
    yield f'{_HEAD}<urlset xmlns="{_SCHEMA}">\n'
    for paths in batches:
        yield "".join(f"<url><loc>{escape(base + path)}</loc></url>\n" for path in paths)
    yield "</urlset>\n"


def _xml(parts: Iterable[str]) -> Response:
    response = Response(parts, content_type="application/xml; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response
