"""An organization's domains: claim, look for the proof, verify by word, let go. Forms and order only."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from policies.errors import Invalid, NotFound
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint
from webapp.pages.admin.organizations import ask, changed, confirmed, draw
from webapp.services import domains
from webapp.services.throttle import TooMany


@blueprint.post("/organizations/<slug>/domains")
@guards.organization_admin
def claim_domain(slug: str) -> Any:
    """Claim a domain; the page then says what to publish."""
    return changed(
        "claimed",
        lambda: domains.claim(
            _request.context(), _login.current_session(), guards.the_organization(), request.form.get("domain", ""),
            _request.now(),
        ),
        proof="domain_current",
    )


@blueprint.post("/organizations/<slug>/domains/<domain>/check")
@guards.organization_admin
def check_domain(slug: str, domain: str) -> Any:
    """Look for the record or the file now, and say what was found."""
    try:
        finding = domains.check_now(
            _request.context(), _login.current_session(), guards.the_organization(), domain,
            request.form.get("by", ""), _request.now(),
        )
    except Invalid as error:
        return draw(error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, draw({"": str(error)}))
    done = "verified" if finding.proved else ""
    if _request.wants_fragment():
        return draw({}, done=done, checked=domain)
    return _response.see_other(url_for("admin.organization", slug=slug, checked=domain, done=done or None))


@blueprint.post("/organizations/<slug>/domains/<domain>/drop")
@guards.organization_admin
def drop_claim(slug: str, domain: str) -> Any:
    """Take a claim back."""
    return changed(
        "dropped",
        lambda: domains.drop_claim(
            _request.context(), _login.current_session(), guards.the_organization(), domain, _request.now()
        ),
    )


@blueprint.get("/organizations/<slug>/verify")
@guards.organization_admin
def verify_by_word_page(slug: str) -> Any:
    """A site admin's word for a domain: what it does."""
    return _word_form({})


@blueprint.post("/organizations/<slug>/verify")
@guards.organization_admin
def verify_by_word(slug: str) -> Any:
    """Verify a domain by a site admin's word."""
    return confirmed(
        lambda: domains.verify_by_word(
            _request.context(), _login.current_session(), guards.the_organization(), request.form.get("domain", ""),
            _request.now(),
        ),
        _word_form, url_for("admin.organization", slug=slug, done="verified"),
    )


@blueprint.get("/organizations/<slug>/domains/<domain>/let-go")
@guards.organization_admin
def let_go_page(slug: str, domain: str) -> Any:
    """What letting a domain go does."""
    return _let_go_form(domain, {})


@blueprint.post("/organizations/<slug>/domains/<domain>/let-go")
@guards.organization_admin
def let_go(slug: str, domain: str) -> Any:
    """Let a verified domain go (T63)."""
    return confirmed(
        lambda: domains.let_go(
            _request.context(), _login.current_session(), guards.the_organization(), domain, _request.now()
        ),
        lambda errors, status: _let_go_form(domain, errors, status),
        url_for("admin.organization", slug=slug, done="let_go"),
    )


def _word_form(errors: dict[str, str], status: int = 200) -> Any:
    if not _login.current_session().is_admin:
        raise NotFound
    return ask("organization_verify", errors, status, typed=request.form.get("domain", ""))


def _let_go_form(domain: str, errors: dict[str, str], status: int = 200) -> Any:
    owned = domains.list_domains(_request.context(), guards.the_organization().id)
    if domain not in {one.name for one in owned}:
        raise NotFound
    members = domains.count_members(_request.context(), guards.the_organization(), domain)
    return ask("organization_let_go", errors, status, domain=domain, members=members)
