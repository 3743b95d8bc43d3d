"""The canary sweep: no answer to anybody holds a value that the rules hide from them, on any route, in any sink (T56).

The rules are those of docs/requirements.md written down again, in the plainest form, from the tables: not taken from
the gate. How the answers are got is twin.py; what is in the world is worlds.py.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Any

import pytest

from policies.terms import State, Viewer
from policies.visibility import Gate
from tests import worlds
from tests.twin import Ask, Stock
from tests.worlds import ANYONE, BY_HANDLE, FIELDS, ONLY_YOU, ORGANIZATION, PEOPLE, Person, canary
from webapp.services import opening
from webapp.store.profiles import Group

# The rules once more -------------------------------------------------------------------------------------------------

#: S79 and D13: the level each field has where its owner chose none.
MANAGED = dict.fromkeys(FIELDS, ANYONE) | dict.fromkeys(
    ("avatar", "department", "organization", "location", "timezone"), ORGANIZATION
) | {"email": ONLY_YOU}  # fmt: skip
PERSONAL = dict.fromkeys(FIELDS, ANYONE) | {"email": ONLY_YOU}
#: The organization of each e-mail domain; `moved` changed hands and is B's now.
OWNER_OF = {"mail": None, "alpha": "A", "beta": "B", "moved": "B"}
WORK = ("job_title", "department", "organization", "location", "timezone")
SECTION_OF = {
    "post": "activity", **{f"act{kind}": "activity" for kind in worlds._ACTS}, "kudos": "kudos",
    **{f"held{kind}": ruled for kind, ruled in worlds.HELD.items()},
}  # fmt: skip


def level(person: Person, field: str) -> int:
    managed = OWNER_OF[person.domain] is not None
    if not managed and field == "full_name":
        return ANYONE       # S81: fixed
    chosen = person.choices.get(field, (MANAGED if managed else PERSONAL)[field])
    return ONLY_YOU if chosen == ORGANIZATION and not managed else chosen


def head_of(person: Person) -> Person:
    """The primary of the group, or the account itself; also for a silent one."""
    return BY_HANDLE[person.primary] if person.primary else person


def page_of(person: Person) -> Person:
    """Whose page shows what this account did: its primary's, its own if it is unlinked or silent (D5)."""
    return person if person.silent else head_of(person)


def is_colleague(viewer: str | None, of: Person) -> bool:
    """D12: a managed session belongs to its own organization, another one to those of all accounts of its group."""
    organization = OWNER_OF[of.domain]
    if viewer is None or organization is None:
        return False
    me = BY_HANDLE[viewer]
    if OWNER_OF[me.domain]:
        return OWNER_OF[me.domain] == organization
    return organization in {OWNER_OF[BY_HANDLE[handle].domain] for handle in worlds.group_of(viewer)}


def is_owner(viewer: str | None, of: Person) -> bool:
    """The account itself, and every session of its group that no organization can reset (D7)."""
    if viewer is None:
        return False
    me = BY_HANDLE[viewer]
    return me == of or (head_of(me) == head_of(of) and OWNER_OF[me.domain] is None)


def may_see(viewer: str | None, of: Person, field: str) -> bool:
    """Whether the record of `of`, or a section of the page at its address, shows the field to the viewer."""
    if is_owner(viewer, of):
        return True
    if of.state in {"deactivated", "deleted", "closing"}:
        return False
    inside = viewer is not None and head_of(BY_HANDLE[viewer]) == head_of(of)
    if page_of(of).private and not inside and (field not in {"avatar", "full_name"} or not page_of(of).keep_name):
        return False
    return level(of, field) >= (ORGANIZATION if is_colleague(viewer, of) else ANYONE)


def allowed(viewer: str | None) -> set[str]:
    """Every canary that may reach the viewer anywhere."""
    found = set()
    for value, (handle, name) in worlds.all_canaries().items():
        person = BY_HANDLE[handle]
        page = page_of(person)
        if name in SECTION_OF:
            shown = may_see(viewer, page, SECTION_OF[name])
        elif name == "avatarbytes":
            shown = may_see(viewer, person, "avatar")
        else:
            field = "avatar" if name == "avatarkey" else name
            shown = may_see(viewer, person, field)
            if person != page and not is_owner(viewer, person):
                # Of a linked account's own record a colleague sees the work details, nobody anything else (D12).
                shown = shown and field in WORK and is_colleague(viewer, person) and not page.private
        if shown:
            found.add(value)
    return found


def by_the_door(viewer: str | None, path: str) -> set[str]:
    """Section 6: addresses of an organization's accounts, on its own admin pages, to its admins and site admins; those
    of all accounts on the site's page of account records, to site admins."""
    if viewer is not None and BY_HANDLE[viewer].admin and re.match(r"\w+ /admin/members(?:/|\?| |$)", path):
        return {canary(person.handle, "email") for person in PEOPLE if person.state != "deleted"}
    found = re.match(r"\w+ (/admin/organizations/(\w+)(?:/|\?| |$))", path)
    if viewer is None or found is None:
        return set()
    organization, me = {"alpha": "A", "beta": "B"}.get(found[2]), BY_HANDLE[viewer]
    if organization is None or not (me.admin or me.administers == found[2]):
        return set()
    return {
        canary(person.handle, "email") for person in PEOPLE
        if OWNER_OF[person.domain] == organization and person.state != "deleted"
    }


def allowed_by_api() -> set[str]:
    """Every canary that may reach a caller of /api/v1/users without a token: each account's own record, by its own
    levels and the profile's private switch."""
    found = set()
    for value, (handle, name) in worlds.all_canaries().items():
        field = "avatar" if name == "avatarkey" else name
        if field in FIELDS and name not in SECTION_OF and may_see(None, BY_HANDLE[handle], field):
            found.add(value)
    return found


def allowed_at(path: str, may: set[str]) -> set[str]:
    """What may stand at this address. The API looks at no cookie: there everybody with a browser is anybody."""
    if path.startswith("/api/v1/users"):
        return allowed_by_api()
    return allowed(None) if path.startswith("/api/v1/") else may


def found_in(text: str) -> set[str]:
    return set(re.findall(r"zq[a-z0-9]+?qz", text))


def is_at_home(path: str, value: str, viewer: str | None) -> bool:
    """Whether a canary may stand on this page: that of the page's accounts (no silent one's), a giver's face, one's own
    menu. Whoever is in the group edits its one record at the address of any of its accounts (S60)."""
    handle, name = worlds.all_canaries()[value]
    parts = path.partition("?")[0].strip("/").split("/")
    home = page_of(BY_HANDLE[handle]).handle
    group = () if viewer is None else worlds.group_of(viewer)
    if parts[0] != "u" or home == parts[1] or (parts[1] in group and home in group and parts[-1] == "edit"):
        return True
    return name in {"full_name", "avatarkey"} and (handle in worlds.GIVERS or handle in group)


# The sweep -----------------------------------------------------------------------------------------------------------

#: Three whose place another viewer of the list shares are left to `make long`.
RARE = {"bmember", "gpersonal", "orgadmin"}
VIEWERS = [
    pytest.param(viewer, id=viewer or "anonymous", marks=[pytest.mark.long] * (viewer in RARE))
    for viewer in worlds.VIEWERS
]


@pytest.mark.parametrize("viewer", VIEWERS)
def test_no_answer_holds_what_is_hidden_from_the_viewer(stock: Stock, viewer: str | None) -> None:
    """T36, T49-T57, T60: all routes, GET and HEAD, page and fragment, filters, cursors, conditional requests."""
    may = allowed(viewer)
    leaks = {}
    for ask, answer in stock.whole_crawl(viewer).items():
        asked = found_in(str(ask))      # an address that the viewer typed is no news to them
        seen = found_in(answer.asked_for) | found_in(answer.raw.decode("utf-8", "replace"))
        here = allowed_at(ask.path, may) | by_the_door(viewer, str(ask))
        wrong = {value for value in seen if value not in here or not is_at_home(ask.path, value, viewer)} - asked
        if wrong:
            leaks[str(ask)] = sorted(wrong)
    assert not leaks


@pytest.mark.parametrize("viewer", worlds.ADMINS)
def test_no_admin_page_holds_what_is_hidden_from_the_admin(stock: Stock, viewer: str) -> None:
    """D5, T36: an admin has no way around the gate; the routes of the admin area alone, so that both can be asked."""
    may = allowed(viewer)
    answers = stock.admin_crawl(viewer)
    assert answers
    leaks = {
        str(ask): sorted(wrong) for ask, answer in answers.items()
        if (wrong := found_in(answer.raw.decode("utf-8", "replace")) - may - by_the_door(viewer, str(ask))
            - found_in(str(ask)))
    }
    assert not leaks


@pytest.mark.parametrize("viewer", VIEWERS)
def test_each_page_shows_exactly_the_record_fields_the_rules_show(stock: Stock, viewer: str | None) -> None:
    """The other half of the sweep: what should be seen is seen, so silence is not mistaken for secrecy (S73-S82)."""
    crawl = stock.whole_crawl(viewer)
    may, wrong = allowed(viewer), {}
    for person in PEOPLE:
        if page_of(person) != person or person.state in {"deactivated", "deleted", "closing"}:
            continue
        answer = crawl[Ask(f"/u/{person.handle}")]
        fields = [*worlds.TEXT_FIELDS, "email", "links", "products", "avatarkey"]
        expected = {canary(person.handle, name) for name in fields} & may
        for name in ("heldcertification", "helddesignation", "heldcourse", "heldgroup"):
            expected |= {canary(person.handle, name)} & may
        if person.private and not person.keep_name and not is_owner(viewer, person):
            expected = set()
        shown = found_in(answer.raw.decode())
        if expected - shown:
            wrong[person.handle] = sorted(expected - shown)
    assert not wrong


def _everybody_sees_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "mask", lambda gate, viewer, subject: gate.all)


def _private_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = Gate.mask
    patch.setattr(Gate, "mask", lambda gate, viewer, subject: real(gate, viewer, replace(subject, private=False)))


def _everybody_is_a_colleague(patch: pytest.MonkeyPatch) -> None:
    real = Gate.mask
    everybody = Viewer(organizations=frozenset({1, 2}))
    patch.setattr(Gate, "mask", lambda gate, viewer, subject: real(gate, everybody, subject))


def _choices_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = Gate.mask
    patch.setattr(Gate, "mask", lambda gate, viewer, subject: real(
        gate, viewer, replace(subject, settings=replace(subject.settings, chosen=0))
    ))  # fmt: skip


def _silent_accounts_appear(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Group, "shown_ids", property(lambda group: group.ids))


def _the_gone_are_found(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(opening, "LIVE", frozenset(State))


@pytest.mark.parametrize("fault", [
    _everybody_sees_all, _private_is_forgotten, _everybody_is_a_colleague, _choices_are_forgotten,
    _silent_accounts_appear, _the_gone_are_found,
])  # fmt: skip
def test_a_fault_in_the_gate_is_found(stock: Stock, monkeypatch: pytest.MonkeyPatch, fault: Any) -> None:
    """Control: with the gate broken in one place, the pages of the world hold what the rules hide."""
    world, may = stock.fresh(), allowed(None)
    fault(monkeypatch)
    seen: set[str] = set()
    for person in PEOPLE:
        for path in (f"/u/{person.handle}", f"/u/{person.handle}/activity"):
            answer = world.ask(None, Ask(path))
            assert answer.status < 500
            found = found_in(answer.raw.decode())
            seen |= found - may | {value for value in found if not is_at_home(path, value, None)}
    assert seen


# The sinks -----------------------------------------------------------------------------------------------------------


def test_t70_logs_and_metrics_hold_no_value_of_anybody(stock: Stock, caplog: pytest.LogCaptureFixture) -> None:
    """All that a crawl writes to any logger at DEBUG, and the metrics after it."""
    world = stock.fresh()
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "vitrine.access")
    for viewer in (None, "colleague", "gprimary"):
        for handle in ("pub", "own", "prv", "nobody-box", worlds.NEVER):
            for path in (f"/u/{handle}", f"/u/{handle}/activity?source=forum", f"/u/{handle}/about"):
                world.ask(viewer, Ask(path))
        general = ("/settings/security", "/settings/visibility", "/settings/data/export.zip", "/sitemap-1.xml")
        for path in (*general, f"/people?q={canary('pub', 'bio')}", f"/api/v1/users/{worlds.public_id('pub')}",
                     f"/api/v1/people?q={canary('pub', 'location')}", f"/avatar/{canary('pub', 'avatarkey')}.webp"):
            world.ask(viewer, Ask(path))
    logged = caplog.text + " ".join(str(record.__dict__) for record in caplog.records)
    assert caplog.records, "nothing was logged: this test would see nothing"
    assert not found_in(logged)
    assert not re.search(r"nobody-box|/u/pub", logged), "handles are no part of the log"
    assert not found_in(world.ask(None, Ask("/metrics")).raw.decode())


def test_t70_failing_forms_put_nothing_into_the_logs(stock: Stock, caplog: pytest.LogCaptureFixture) -> None:
    """What people type into forms that fail (address, password, token) is in no log and no mail to another."""
    world = stock.fresh()
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "vitrine.access")
    secret = canary("typed", "value")
    for path in ("/login", "/signup", "/reset"):
        form = _form(world, path)
        if form is None:
            continue
        for data in ({"email": f"{secret}@mail.example", "password": secret, "name": secret}, {"email": secret}):
            world.ask(None, Ask(path, "POST"), data=form | data)
    for path in ("/verify?token=", "/verify/", "/reset?token=", "/reset/"):
        world.ask(None, Ask(path + secret))
    logged = caplog.text + " ".join(str(record.__dict__) for record in caplog.records)
    assert secret not in logged
    others = world.db.rows("SELECT recipient, subject, body FROM outbox")
    assert not [mail for mail in others if secret in str(mail) and secret not in mail[0]]


def test_t60_an_error_page_holds_nothing_of_its_cause(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from webapp.services import profiles

    world = stock.fresh()

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise ValueError(f"row {canary('pub', 'email')}")

    monkeypatch.setattr(profiles, "view_opened", fail)
    for ask in (Ask("/u/pub"), Ask("/u/pub/about", fragment=True)):
        answer = world.ask(None, ask)
        assert answer.status == 500
        assert not found_in(answer.raw.decode() + answer.asked_for)
        assert b"Traceback" not in answer.raw
        assert b"ValueError" not in answer.raw


def _form(world: Any, path: str) -> dict[str, str] | None:
    answer = world.ask(None, Ask(path))
    token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', answer.raw)
    return {"csrf_token": token[1].decode()} if token else None
