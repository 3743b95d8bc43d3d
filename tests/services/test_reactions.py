"""What plugins are told after a commit: public ids and what Anyone may see (T55), never what was linked (D5)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from policies.extending import BadgeRule
from policies.linking import Outcome
from policies.terms import Viewer
from tests.conftest import NOW
from tests.factories import make_account
from tests.plugged import plug, plugin
from tests.services import linkers as by
from webapp.services import awards, editing, kudos, link_operator, link_verbs, linking, reactions
from webapp.services.context import Context
from webapp.services.sessions import Session


class Told:
    """A plugin that writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        note = self.heard.append
        self.plugin = plugin(
            account_linked=lambda profile, at: note(("account_linked", {"profile": profile, "at": at})),
            account_unlinked=lambda profile, at: note(("account_unlinked", {"profile": profile, "at": at})),
            award_given=lambda profile, badge, title, at: note(
                ("award_given", {"profile": profile, "badge": badge, "title": title, "at": at})),
            profile_changed=lambda profile, values, at: note(
                ("profile_changed", {"profile": profile, "values": dict(values), "at": at})),
            register_badge_rules=lambda: (
                BadgeRule("kind", "Kind", metric="peer_kudos", at=1),
                BadgeRule("wise", "Wise", metric="answers", at=1),
            ),
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def site(ctx: Context, told: Told) -> Context:
    return plug(ctx, ("told", told.plugin))


def unlink(site: Context, account: int) -> None:
    with site.db.transaction():
        group = link_verbs.lock_group(site, account)
        link_verbs.unlink(site, group, group.asked, NOW, actor_id=None)


def save(site: Context, account: int, **values: str) -> None:
    viewer = Viewer(account, account)
    with site.db.transaction():
        standing = editing.stand(site, viewer, lock=True)
        editing.write(site, viewer, standing, values, NOW, "profile:edit")


def test_t55_a_link_tells_the_profile_and_not_the_account(site, told):
    sally, work = make_account(site.db), make_account(site.db, "sal")
    link_operator.link_by_operator(site, sally, work, NOW)
    unlink(site, work)
    assert told.heard == [
        ("account_linked", {"profile": "acc-sally", "at": NOW}),
        ("account_unlinked", {"profile": "acc-sally", "at": NOW}),
    ]
    assert "acc-sal'" not in repr(told.heard)


def heard(told: Told) -> list[tuple[str, str]]:
    """(what, of whom), and nothing more for the next time."""
    found = [(hook, payload["profile"]) for hook, payload in told.heard]
    told.heard.clear()
    return found


def test_d5_becoming_silent_is_told_as_unlinking_is_and_showing_again_as_linking(site, told):
    sally, work = make_account(site.db), make_account(site.db, "sal")
    link_operator.link_by_operator(site, sally, work, NOW)
    linked = told.heard[:]
    link_operator.silence_by_operator(site, work, True, NOW)
    silenced = told.heard[1:]
    link_operator.silence_by_operator(site, work, True, NOW)
    link_operator.silence_by_operator(site, work, False, NOW)
    assert told.heard == linked + silenced + linked
    told.heard.clear()
    unlink(site, work)
    assert told.heard == silenced == [("account_unlinked", {"profile": "acc-sally", "at": NOW})]


def test_every_account_that_was_told_to_show_is_told_to_end_when_the_primary_changes(site, told):
    ann, _, _, quiet = (by.member(site.db, handle) for handle in ("ann", "bob", "cid", "quiet"))
    public = dict(site.db.rows("SELECT handle, public_id FROM account"))
    session = by.log_in(site, ann)
    for handle in ("bob", "cid", "quiet"):
        session = by.link(site, session, handle, **(
            {"primary_choice": by.pick(site, session, ann)} if handle == "bob" else {}))
    link_operator.silence_by_operator(site, quiet, True, NOW)
    assert heard(told) == [("account_linked", public["ann"])] * 3 + [("account_unlinked", public["ann"])]
    linking.make_primary(site, session, by.row(site, session, "bob").key, NOW)
    assert heard(told) == [("account_unlinked", public["ann"])] * 2 + [("account_linked", public["bob"])] * 2


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("shown", [0, 1])
def test_d6_a_flagged_primary_that_joins_silently_is_told_of_by_nothing(site, told, silent, shown):
    """Its group moves to the personal account; that it hangs there too is told only where it shows."""
    flagged, work, home = (by.member(site.db, handle) for handle in ("flagged", "work", "home"))
    public = dict(site.db.rows("SELECT handle, public_id FROM account"))
    link_operator.link_by_operator(site, flagged, work, NOW)
    if not shown:
        link_operator.silence_by_operator(site, work, True, NOW)
    told.heard.clear()
    with site.db.transaction():
        one, other = link_verbs.lock_pair(site, home, flagged)
        link_verbs.write_outcome(site, Outcome.OWN_HEADS, one, other, NOW, may_be_public=False, silent=silent)
    begun = [("account_linked", public["home"])] * (shown + (not silent))
    assert heard(told) == [("account_unlinked", public["flagged"])] * shown + begun


def test_d5_nobody_is_told_of_silent_links_and_private_profiles(site, told):
    sally, work = make_account(site.db), make_account(site.db, "sal")
    link_operator.link_by_operator(site, sally, work, NOW)
    link_operator.silence_by_operator(site, work, True, NOW)
    told.heard.clear()
    unlink(site, work)
    hidden, other = make_account(site.db, "hidden", private=True), make_account(site.db, "other")
    link_operator.link_by_operator(site, hidden, other, NOW)
    unlink(site, other)
    assert told.heard == []


def test_t55_a_changed_profile_tells_what_anyone_may_see(site, told):
    sally = make_account(site.db, chosen=1 << site.gate().bit["bio"])
    save(site, sally, bio="For nobody", location="Lisbon")
    save(site, sally, bio="Still for nobody")
    assert told.heard == [
        ("profile_changed", {"profile": "acc-sally", "values": {"location": "Lisbon"}, "at": NOW}),
    ]


def test_t55_content_copied_to_a_new_primary_is_a_change(site, told):
    ann, bob = by.member(site.db, "ann", bio="I am Ann"), by.member(site.db, "bob")
    session = by.log_in(site, ann)
    session = by.link(site, session, "bob", primary_choice=by.pick(site, session, ann))
    told.heard.clear()
    linking.make_primary(site, session, by.row(site, session, "bob").key, NOW, copy=True)
    row = site.db.row("SELECT public_id FROM account WHERE id = ?", (bob,))
    changed = [payload for hook, payload in told.heard if hook == "profile_changed"]
    assert changed == [{"profile": row[0], "values": {"bio": "I am Ann"}, "at": NOW}]


def test_a_rule_on_peer_kudos_gives_its_badge_the_night_after_and_tells_it(site, told):
    ann, root = make_account(site.db, "ann"), make_account(site.db, "root", is_admin=True)
    make_account(site.db)
    giver, admin = (
        Session("raw", "id", one, handle, handle == "root", NOW, NOW, Viewer(one, one))
        for one, handle in ((ann, "ann"), (root, "root"))
    )
    awards.rehearse(site, admin, "kind", NOW)
    awards.start(site, admin, "kind", "silent", NOW)
    kudos.give(site, giver, "sally", {"category": "answer", "message": "Thank you"}, NOW)
    assert told.heard == []
    awards.nightly(site, NOW + 9)
    awards.work(site, NOW + 9)
    assert told.heard == [
        ("award_given", {"profile": "acc-sally", "badge": "kind", "title": "Kind", "at": NOW + 9}),
    ]


def test_t55_an_award_is_told_where_anyone_sees_it(site, told):
    bit = site.gate().bit
    make_account(site.db)
    make_account(site.db, "nobadges", chosen=1 << bit["badges"])
    make_account(site.db, "nostats", chosen=1 << bit["stats"])
    for handle in ("sally", "nobadges", "nostats"):
        account = site.db.row("SELECT id FROM account WHERE handle = ?", (handle,))[0]
        reactions.awarded(site, account, "wise", "Wise", NOW)
        reactions.awarded(site, account, "kind", "Kind", NOW)
    assert [(payload["profile"], payload["badge"]) for _, payload in told.heard] == [
        ("acc-sally", "wise"), ("acc-sally", "kind"), ("acc-nostats", "kind"),
    ]


def test_nothing_is_told_of_what_was_rolled_back(site, told):
    sally, work = make_account(site.db), make_account(site.db, "sal")


    def link_and_fail() -> None:
        with site.db.transaction():
            link_operator.link_by_operator(site, sally, work, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        link_and_fail()
    assert told.heard == []


def test_a_reaction_that_fails_is_logged_and_undoes_nothing(ctx, caplog):
    def broken(profile: str, at: int) -> None:
        raise RuntimeError(profile)

    site = plug(ctx, ("broken", plugin(account_linked=broken)))
    sally, work = make_account(ctx.db), make_account(ctx.db, "sal")
    link_operator.link_by_operator(site, sally, work, NOW)
    assert ctx.db.row("SELECT primary_id FROM account WHERE id = ?", (work,)) == (sally,)
    assert "account_linked raised RuntimeError in test_reactions.py line " in site.manager.errors["broken"].last
    assert "acc-sally" not in caplog.text


def test_the_journal_writes_names_and_no_values(ctx, caplog):
    from plugins import journal
    from webapp.store import plugins as store

    store.set_state(ctx.db, "journal", "on", NOW)
    site = plug(ctx, ("journal", journal))
    sally, work = make_account(ctx.db), make_account(ctx.db, "sal")
    with caplog.at_level(logging.INFO, logger="vitrine.journal"):
        save(site, sally, location="Lisbon", bio="Words")
        link_operator.link_by_operator(site, sally, work, NOW)
        unlink(site, work)
        site.manager.react("award_given", profile="acc-sally", badge="wise", title="Wise", at=NOW)
    assert [record.getMessage() for record in caplog.records] == [
        f"changed profile=acc-sally fields=bio,location at={NOW}", f"linked profile=acc-sally at={NOW}",
        f"unlinked profile=acc-sally at={NOW}", f"award profile=acc-sally badge=wise at={NOW}",
    ]
