"""Whose page a handle leads to, what is on it, and what is not."""

from __future__ import annotations

import pytest

from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.people import (
    choose,
    crossed,
    did,
    earned,
    gave,
    holds,
    see,
    set_columns,
    statements,
    stats,
)
from webapp.services import profiles, viewing
from webapp.services.context import Context
from webapp.services.views import ActivityPage, BadgesPage, Moved

RECORD = {
    "full_name": "Sally Smith", "job_title": "Architect", "department": "Platform", "organization": "Acme Corp",
    "location": "Lisbon", "timezone": "Europe/Lisbon", "bio": "I help.", "products": '["Tracker", "Wiki"]',
    "links": '[{"url": "https://sally.example/", "label": ""}]', "avatar": "k3y",
}  # fmt: skip


def page(ctx: Context, handle: str, viewer: Viewer = ANONYMOUS) -> object:
    return profiles.view_profile(ctx, viewer, handle, NOW)


# Handles -------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_a_handle_is_nobody(ctx: Context) -> None:
    make_account(ctx.db, "sally")
    for raw in ("", "-a", "a" * 40, "sally/", "sally\x00", "ſally", "sally\n", "..", "a b", "İ", "%73", "\ud800"):
        assert page(ctx, raw) is None, raw


def test_a_handle_is_found_in_any_case(ctx: Context) -> None:
    make_account(ctx.db, "sally")
    assert see(ctx, "SALLY").handle == "sally"


def test_d20_an_old_handle_of_a_living_account_moves(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    ctx.db.execute("INSERT INTO handle(handle, account_id, since) VALUES ('sal', ?, 1)", (sally,))
    assert page(ctx, "sal") == Moved("sally")


def test_t52_an_account_that_is_gone_is_unknown_by_every_handle(ctx: Context) -> None:
    for state in ("deactivated", "closing", "deleted"):
        gone = make_account(ctx.db, state, state=state)
        ctx.db.execute("INSERT INTO handle(handle, account_id, since) VALUES (?, ?, 1)", (f"old-{state}", gone))
        assert page(ctx, state) is page(ctx, f"old-{state}") is page(ctx, "never") is None


def test_t52_private_with_the_box_unticked_is_unknown_to_outsiders(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", private=True, keep_name=False, **RECORD)
    ctx.db.execute("INSERT INTO handle(handle, account_id, since) VALUES ('sal', ?, 1)", (sally,))
    other = viewing.load_viewer(ctx, make_account(ctx.db, "other", is_admin=True))
    for viewer in (ANONYMOUS, other):
        for handle in ("sally", "sal"):
            assert page(ctx, handle, viewer) is None
            assert profiles.view_activity(ctx, viewer, handle, NOW) is None
            assert profiles.view_badges(ctx, viewer, handle, NOW) is None
    own = see(ctx, "sally", sally)
    assert own.bio == "I help."
    assert own.owner is not None
    assert (own.owner.private, own.owner.keep_name) == (True, False)


def test_t61_unknown_private_and_gone_cost_the_same_statements(ctx: Context) -> None:
    make_account(ctx.db, "box", private=True, keep_name=False)
    make_account(ctx.db, "off", state="deactivated")
    link(ctx.db, make_account(ctx.db, "lnk"), make_account(ctx.db, "prv", private=True))
    ctx.gate()
    texts = []
    for handle in ("box", "off", "lnk", "never"):
        with statements(ctx.db) as seen:
            assert page(ctx, handle) is None
        texts.append(tuple(seen))
    assert len(set(texts)) == 1
    assert len(texts[0]) == 1


def test_d5_a_linked_account_leads_to_the_one_profile(ctx: Context) -> None:
    link(ctx.db, make_account(ctx.db, "work"), make_account(ctx.db, "sally"))
    assert page(ctx, "work") == Moved("sally")
    assert profiles.view_activity(ctx, ANONYMOUS, "work", NOW) == Moved("sally")


def test_d5_while_the_profile_is_private_linked_addresses_are_unknown(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", private=True)
    work = make_account(ctx.db, "work")
    link(ctx.db, work, sally)
    assert page(ctx, "work") is None
    assert page(ctx, "work", viewing.load_viewer(ctx, work)) == Moved("sally")


def test_d5_a_silent_account_has_its_own_page_whatever_its_primary_is(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", private=True, keep_name=False)
    quiet = make_account(ctx.db, "quiet", answers=3)
    link(ctx.db, quiet, sally, silent=True)
    assert stats(see(ctx, "quiet"))["answers"] == 3
    set_columns(ctx.db, sally, state="deactivated")
    assert see(ctx, "quiet").owner is None


def test_d22_a_primary_deactivated_by_an_admin_answers_as_unknown(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", state="deactivated")
    link(ctx.db, make_account(ctx.db, "work"), sally)
    assert page(ctx, "sally") is page(ctx, "work") is None


def test_d17_a_deactivated_linked_account_counts_on_and_its_address_is_unknown(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", answers=1)
    work = make_account(ctx.db, "work", kind="managed", answers=2, job_title="Smith")
    link(ctx.db, work, sally)
    colleague = make_account(ctx.db, "col", kind="managed")
    assert [block.slug for block in see(ctx, "sally", colleague).work] == ["acme"]
    set_columns(ctx.db, work, state="deactivated")
    assert stats(see(ctx, "sally"))["answers"] == 3
    assert see(ctx, "sally", colleague).work == ()
    assert page(ctx, "work") is None


# The record ----------------------------------------------------------------------------------------------------------


def test_s2_to_s9_the_record_is_shown(ctx: Context) -> None:
    make_account(ctx.db, "sally", **RECORD)
    view = see(ctx, "sally")
    assert (view.name, view.avatar.url, view.avatar.letter) == ("Sally Smith", "/avatar/k3y.webp", "S")
    assert {fact.field: fact.value for fact in view.facts} == {
        "job_title": "Architect", "department": "Platform", "organization": "Acme Corp", "location": "Lisbon",
        "timezone": "Europe/Lisbon",
    }  # fmt: skip
    assert view.bio == "I help."
    assert view.products == ("Tracker", "Wiki")
    assert [link.url for link in view.links] == ["https://sally.example/"]
    assert view.email is None
    assert {"about", "find-me", "products"} <= view.sections
    assert view.description == "Architect, Acme Corp, Lisbon. I help."
    assert not view.noindex


def test_s31_private_shows_name_and_picture_and_nothing_else(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", private=True, answers=5, **RECORD)
    did(ctx.db, sally)
    holds(ctx.db, sally, "group", "makers")
    gave(ctx.db, make_account(ctx.db, "gil"), sally)
    view = see(ctx, "sally")
    assert (view.name, view.avatar.url, view.only_name, view.noindex) == ("Sally Smith", "/avatar/k3y.webp", True, True)
    assert view.sections == frozenset()
    assert view.member_since is None
    assert view.description == "Sally Smith on Vitrine"
    assert not any((view.bio, view.facts, view.links, view.products, view.stats, view.shelves, view.groups))
    assert view.level is view.kudos is view.heatmap is view.owner is None
    assert profiles.view_activity(ctx, ANONYMOUS, "sally", NOW) is None
    assert profiles.view_badges(ctx, ANONYMOUS, "sally", NOW) is None


def test_t57_a_hidden_picture_is_a_letter(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", **RECORD)
    choose(ctx.db, sally, you=("avatar",))
    assert see(ctx, "sally").avatar.url is None
    assert see(ctx, "sally", sally).avatar.url == "/avatar/k3y.webp"


def test_s80_s82_display_name(ctx: Context) -> None:
    full = {"full_name": "Mary Major", "public_name": "mm"}
    managed = make_account(ctx.db, "managed", kind="managed", **full)
    assert see(ctx, "managed").name == "Mary Major"
    choose(ctx.db, managed, org=("full_name",))
    colleague = make_account(ctx.db, "col", kind="managed")
    assert see(ctx, "managed").name == "mm"
    assert see(ctx, "managed").avatar.letter == "M"
    assert "Mary" not in repr(see(ctx, "managed"))
    assert see(ctx, "managed", colleague).name == "Mary Major"
    personal = make_account(ctx.db, "personal", **full)
    assert see(ctx, "personal").name == "Mary Major"        # S81: always the full name
    choose(ctx.db, personal, you=("full_name",))
    assert see(ctx, "personal").name == "mm"                # hidden while it was managed, held since (D19)
    make_account(ctx.db, "blank", full_name="  ", public_name="blank")
    assert see(ctx, "blank").name == "blank"


def test_t56_unclaimed_and_not_searchable_are_noindex(ctx: Context) -> None:
    make_account(ctx.db, "imported", state="unclaimed")
    make_account(ctx.db, "shy", searchable=False)
    assert see(ctx, "imported").noindex
    assert see(ctx, "imported").unclaimed
    assert see(ctx, "shy").noindex
    assert not see(ctx, "shy").unclaimed


def test_t56_the_description_holds_shown_values_only(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", **RECORD)
    choose(ctx.db, sally, you=("bio", "organization"))
    assert see(ctx, "sally").description == "Architect, Lisbon"


def test_hidden_values_never_leave_the_database(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", **RECORD)
    choose(ctx.db, sally, you=("bio", "location", "stats"))
    with statements(ctx.db) as seen:
        see(ctx, "sally")
    text = " ".join(seen)
    assert "a.job_title" in text
    for column in ("a.bio", "a.location", "a.email,", "answers", "password_hash"):
        assert column not in text


# What the same account hides is nowhere (D13) ------------------------------------------------------------------------


def furnished(ctx: Context, handle: str = "sally") -> int:
    """A member with something in every section."""
    db = ctx.db
    sally = make_account(db, handle, answers=30, likes_received=4, total_posts=31, **RECORD)
    for kind in ("course", "certification", "designation", "group", "badge"):
        holds(db, sally, kind, f"{handle}-{kind}", NOW - 100)
    crossed(db, sally, "answers", 10, NOW - 50)
    for kind in ("answer", "certification", "group_joined", "badge", "course_completed"):
        did(db, sally, kind, title=f"{handle} {kind}")
    gave(db, None, sally, f"Well done {handle}")
    return sally


SHOWN_BY = {
    "stats": ("stats", "level"), "badges": ("milestones", "courses", "badges"),
    "certifications": ("certifications", "designation"), "groups": ("groups",), "kudos": ("kudos", "level"),
    "activity": ("heatmap", "recent", "member_since"),
}  # fmt: skip


def parts(ctx: Context, handle: str) -> dict[str, object]:
    view = see(ctx, handle)
    return {
        "stats": view.stats, "level": view.level, "milestones": view.shelves, "courses": view.courses,
        "badges": view.badges, "certifications": view.certifications, "designation": view.designations,
        "groups": view.groups, "kudos": view.kudos, "heatmap": view.heatmap, "recent": view.recent,
        "member_since": view.member_since,
    }  # fmt: skip


def test_every_section_is_shown_to_anyone_by_default(ctx: Context) -> None:
    furnished(ctx)
    assert all(parts(ctx, "sally").values())
    assert see(ctx, "sally").sections >= {
        "stats", "milestones", "designation", "heatmap", "courses", "certifications", "kudos", "groups", "recent",
    }  # fmt: skip


def test_d13_a_hidden_section_is_nowhere(ctx: Context) -> None:
    sally = furnished(ctx)
    everything = {name for names in SHOWN_BY.values() for name in names}
    for hidden, names in SHOWN_BY.items():
        choose(ctx.db, sally, you=(hidden,))
        shown = {name for name, value in parts(ctx, "sally").items() if value}
        assert shown == everything - set(names), hidden
        metrics = [shelf.metric for shelf in see(ctx, "sally").shelves]
        if hidden == "stats":           # what stands on the hidden sums
            assert metrics == ["peer_kudos"]
        elif hidden == "kudos":
            assert metrics == ["answers", "likes_received", "courses_completed"]


def test_d13_activity_does_not_tell_what_a_hidden_section_hides(ctx: Context) -> None:
    sally = furnished(ctx)
    choose(ctx.db, sally, you=("certifications", "groups", "badges"))
    assert {row.kind for row in see(ctx, "sally").recent} == {"answer"}
    activity = profiles.view_activity(ctx, ANONYMOUS, "sally", NOW)
    assert isinstance(activity, ActivityPage)
    assert {row.kind for row in activity.rows} == {kind for kind, _ in activity.kinds} == {"answer"}


def test_t53_the_badge_page_of_hidden_badges_is_absent(ctx: Context) -> None:
    sally = furnished(ctx)
    found = profiles.view_badges(ctx, ANONYMOUS, "sally", NOW)
    assert isinstance(found, BadgesPage)
    assert found.shelves
    assert [item.item for item in found.certifications] == ["sally-designation", "sally-certification"]
    choose(ctx.db, sally, you=("badges",))
    assert profiles.view_badges(ctx, ANONYMOUS, "sally", NOW) is None
    choose(ctx.db, sally, you=("certifications", "stats", "kudos"))
    found = profiles.view_badges(ctx, ANONYMOUS, "sally", NOW)
    assert isinstance(found, BadgesPage)
    assert found.certifications == found.shelves == ()
    assert [item.item for item in found.courses] == ["sally-course"]


@pytest.mark.parametrize("viewed_by_colleague", [False, True])
def test_t61_the_same_statements_whether_hidden_unset_linked_or_not(ctx: Context, viewed_by_colleague: bool) -> None:
    furnished(ctx, "full")
    make_account(ctx.db, "empty")
    hidden = furnished(ctx, "hidden")
    choose(ctx.db, hidden, you=("stats", "badges", "certifications", "groups", "kudos", "activity", "bio", "links"))
    primary = furnished(ctx, "primary")
    link(ctx.db, furnished(ctx, "second"), primary)
    link(ctx.db, make_account(ctx.db, "work", kind="managed", job_title="Smith"), primary)
    link(ctx.db, make_account(ctx.db, "quiet"), primary, silent=True)
    gave(ctx.db, make_account(ctx.db, "gil"), primary, "Named")
    viewer = viewing.load_viewer(ctx, make_account(ctx.db, "col", kind="managed")) if viewed_by_colleague else ANONYMOUS
    ctx.gate()
    counts = {}
    for handle in ("full", "empty", "hidden", "primary", "quiet"):
        with statements(ctx.db) as seen:
            page(ctx, handle, viewer)
        # The names of givers are one statement more where there is a message to name them for.
        counts[handle] = len([sql for sql in seen if not sql.startswith("SELECT id, public_name")])
    assert set(counts.values()) == {9 - 1}


def test_t61_one_account_is_asked_for_by_the_very_statements_of_two(ctx: Context) -> None:
    """The same texts, so that both are prepared alike; a group of three may take longer ones."""
    furnished(ctx, "alone")
    primary = furnished(ctx, "primary")
    link(ctx.db, furnished(ctx, "second"), primary)
    ctx.gate()
    asked = {}
    for handle in ("alone", "primary"):
        with statements(ctx.db) as seen:
            page(ctx, handle, ANONYMOUS)
        asked[handle] = list(seen)
    assert asked["alone"] == asked["primary"]
    assert profiles.view_profile(ctx, ANONYMOUS, "alone", NOW) is not None


# Owner, colleague, insider -------------------------------------------------------------------------------------------


def test_the_owner_sees_audiences_and_private_state(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", **RECORD)
    choose(ctx.db, sally, you=("bio",))
    link(ctx.db, make_account(ctx.db, "second"), sally)
    view = see(ctx, "sally", sally)
    assert view.owner is not None
    assert view.owner.linked == 2
    assert view.owner.audiences["bio"] == "only_you"
    assert view.owner.audiences["location"] == "anyone"
    assert view.email is not None
    assert (view.email.value, view.email.audience) == ("sally@home.example", "only_you")
    assert view.bio == "I help."
    outsider = see(ctx, "sally")
    assert outsider.owner is None
    assert {fact.audience for fact in outsider.facts} == {""}


def test_d12_a_colleague_sees_the_work_details_of_a_linked_account(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", job_title="Painter")
    work = make_account(ctx.db, "work", kind="managed", job_title="Architect", department="Platform", bio="Hidden bio")
    link(ctx.db, work, sally)
    choose(ctx.db, work, you=("department",))
    colleague = make_account(ctx.db, "col", kind="managed")
    stranger = make_account(ctx.db, "str", email="str@beta.example", kind="managed")
    view = see(ctx, "sally", colleague)
    assert [(block.organization, block.slug) for block in view.work] == [("Acme", "acme")]
    assert [(fact.field, fact.value) for fact in view.work[0].facts] == [("job_title", "Architect")]
    assert "Hidden bio" not in repr(view)
    assert [fact.value for fact in view.facts] == ["Painter"]
    assert see(ctx, "sally").work == see(ctx, "sally", stranger).work == ()
    set_columns(ctx.db, work, silent=True)
    assert see(ctx, "sally", colleague).work == ()
    set_columns(ctx.db, work, silent=False)
    set_columns(ctx.db, sally, private=True)
    assert see(ctx, "sally", colleague).work == ()


def test_d12_one_block_per_organization(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    for handle, columns in (("one", {"job_title": "Architect"}), ("two", {"job_title": "Clerk", "location": "Porto"})):
        link(ctx.db, make_account(ctx.db, handle, kind="managed", **columns), sally)
    blocks = see(ctx, "sally", make_account(ctx.db, "col", kind="managed")).work
    assert len(blocks) == 1
    assert {fact.field: fact.value for fact in blocks[0].facts} == {"job_title": "Architect", "location": "Porto"}


def test_d7_a_managed_session_sees_the_page_as_its_own_but_no_others_secrets(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", **RECORD)
    choose(ctx.db, sally, you=("bio",))
    work = make_account(ctx.db, "work", kind="managed")
    link(ctx.db, work, sally)
    link(ctx.db, make_account(ctx.db, "third"), sally)
    link(ctx.db, make_account(ctx.db, "fourth"), sally, silent=True)
    view = see(ctx, "sally", work)
    assert view.owner is not None
    assert (view.owner.is_insider, view.owner.linked, view.owner.audiences) == (True, 2, {})
    assert view.bio is None
    assert view.email is None
    set_columns(ctx.db, sally, private=True)
    assert see(ctx, "sally", work).products == ("Tracker", "Wiki")      # private, seen as the owner sees it


def test_d7_a_managed_session_does_not_learn_of_a_silent_account(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    work = make_account(ctx.db, "work", kind="managed")
    quiet = make_account(ctx.db, "quiet", private=True, keep_name=False)
    link(ctx.db, work, sally)
    link(ctx.db, quiet, sally, silent=True)
    assert page(ctx, "quiet", viewing.load_viewer(ctx, work)) is None
    set_columns(ctx.db, quiet, private=False)
    assert see(ctx, "quiet", work).owner is None
    assert see(ctx, "quiet", sally).owner is not None


def test_d6_a_flagged_primary_is_told(ctx: Context) -> None:
    flagged = make_account(ctx.db, "flagged", kind="managed")
    link(ctx.db, make_account(ctx.db, "second"), flagged)
    owner = see(ctx, "flagged", flagged).owner
    assert owner is not None
    assert owner.flagged


def test_d15_view_as(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", kind="managed", **RECORD)
    me = viewing.load_viewer(ctx, sally)

    def seen_as(viewer: Viewer, like: Viewer) -> object:
        return profiles.view_profile(ctx, viewer, "sally", NOW, as_viewer=like)

    assert seen_as(me, ANONYMOUS) == see(ctx, "sally")
    colleague = make_account(ctx.db, "col", kind="managed")
    assert seen_as(me, Viewer(organizations=me.organizations)) == see(ctx, "sally", colleague)
    foreign = viewing.load_viewer(ctx, make_account(ctx.db, "other"))
    assert seen_as(foreign, me) == see(ctx, "sally")        # nobody looks through another's eyes
    assert seen_as(foreign, Viewer(organizations=me.organizations)) == see(ctx, "sally")
    set_columns(ctx.db, sally, private=True, keep_name=False)
    assert seen_as(me, ANONYMOUS) is None


# Kudos notes ---------------------------------------------------------------------------------------------------------


def test_t54_a_private_giver_is_a_member_whatever_the_box_says(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    for number, (handle, columns) in enumerate((
        ("public", {"full_name": "Pat Public", "avatar": "pk"}),
        ("boxed", {"private": True, "full_name": "Pia Private", "avatar": "bk"}),
        ("gone", {"state": "deactivated", "full_name": "Gus Gone"}),
    )):
        gave(ctx.db, make_account(ctx.db, handle, **columns), sally, f"From {handle}", NOW - number)
    kudos = see(ctx, "sally").kudos
    assert kudos is not None
    first, *others = kudos.latest
    assert (first.message, first.giver, first.giver_url) == ("From public", "Pat Public", "/u/public")
    assert first.avatar is not None
    assert first.avatar.url == "/avatar/pk.webp"
    assert [(note.giver, note.giver_url, note.avatar) for note in others] == [(None, None, None)] * 2
    assert (kudos.received, kudos.givers) == (3, 3)


def test_t54_a_giver_is_named_as_far_as_the_giver_shows(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    giver = make_account(ctx.db, "gil", kind="managed", full_name="Gil Full", public_name="gg", avatar="gk")
    choose(ctx.db, giver, org=("full_name", "avatar"))
    gave(ctx.db, giver, sally)

    def note(viewer: Viewer | int = ANONYMOUS) -> tuple[str | None, str | None]:
        kudos = see(ctx, "sally", viewer).kudos
        assert kudos is not None
        assert kudos.latest[0].avatar is not None
        return kudos.latest[0].giver, kudos.latest[0].avatar.url

    assert note() == ("gg", None)
    assert note(make_account(ctx.db, "col", kind="managed")) == ("Gil Full", "/avatar/gk.webp")


def test_a_linked_giver_is_named_as_the_profile_its_address_leads_to(ctx: Context) -> None:
    sally, gil = make_account(ctx.db, "sally"), make_account(ctx.db, "gil", full_name="Gil Primary")
    second = make_account(ctx.db, "second", full_name="Gil Second")
    quiet = make_account(ctx.db, "quiet", full_name="Quiet")
    link(ctx.db, second, gil)
    link(ctx.db, quiet, gil, silent=True)
    gave(ctx.db, second, sally, at=NOW - 1)
    gave(ctx.db, quiet, sally, at=NOW - 2)
    kudos = see(ctx, "sally").kudos
    assert kudos is not None
    assert [(note.giver, note.giver_url) for note in kudos.latest] == [("Gil Primary", "/u/gil"), ("Quiet", "/u/quiet")]
    set_columns(ctx.db, gil, private=True)
    kudos = see(ctx, "sally").kudos
    assert kudos is not None
    assert [note.giver for note in kudos.latest] == [None, "Quiet"]


def test_hidden_messages_and_those_within_a_group_are_not_quoted(ctx: Context) -> None:
    sally, second, quiet = (make_account(ctx.db, handle) for handle in ("sally", "second", "quiet"))
    link(ctx.db, second, sally)
    link(ctx.db, quiet, sally, silent=True)
    gave(ctx.db, second, sally, "From my other account")
    gave(ctx.db, quiet, sally, "From the silent one")
    gave(ctx.db, None, quiet, "To the silent one")
    gave(ctx.db, None, second, "To the linked one")
    gave(ctx.db, None, sally, "Moderated")
    ctx.db.execute("UPDATE kudos SET hidden_at = 1 WHERE message = 'Moderated'")
    kudos = see(ctx, "sally").kudos
    assert kudos is not None
    assert {note.message for note in kudos.latest} == {"To the linked one"}


@pytest.mark.parametrize("silent", [False, True], ids=["shown", "silent"])
def test_d9_sum_givers_and_messages_leave_out_the_same_givers(ctx: Context, silent: bool) -> None:
    """A page says "1 peer kudos from 1 person" with that person's message, whether the other giver is silent or not."""
    sally, quiet, other = (make_account(ctx.db, handle) for handle in ("sally", "quiet", "other"))
    gave(ctx.db, quiet, sally, "From the linked one")
    gave(ctx.db, other, sally, "From somebody else")
    before = see(ctx, "sally").kudos
    assert before is not None
    assert (before.received, before.givers, len(before.latest)) == (2, 2, 2)
    link(ctx.db, quiet, sally, silent=silent)
    kudos = see(ctx, "sally").kudos
    assert kudos is not None
    assert (kudos.received, kudos.givers) == (1, 1)
    assert [note.message for note in kudos.latest] == ["From somebody else"]


def test_t36_the_page_of_a_silent_account_goes_on_counting_its_primary_as_anybody(ctx: Context) -> None:
    """As if unlinked: the kudos its primary gave it are in its own sum, givers and messages (D5)."""
    sally, quiet, other = (make_account(ctx.db, handle) for handle in ("sally", "quiet", "other"))
    gave(ctx.db, sally, quiet, "From the primary")
    gave(ctx.db, other, quiet, "From somebody else")
    before = see(ctx, "quiet").kudos
    link(ctx.db, quiet, sally, silent=True)
    kudos = see(ctx, "quiet").kudos
    assert kudos == before
    assert kudos is not None
    assert (kudos.received, kudos.givers, len(kudos.latest)) == (2, 2, 2)
    sums = see(ctx, "sally").kudos
    assert sums is not None
    assert (sums.received, sums.givers, sums.latest) == (1, 0, ())


def test_kudos_messages_come_newest_first_and_few(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    for number in range(5):
        gave(ctx.db, None, sally, f"Note {number}", NOW - number)
    kudos = see(ctx, "sally").kudos
    assert kudos is not None
    assert [note.message for note in kudos.latest] == ["Note 0", "Note 1", "Note 2"]


# The warm key ---------------------------------------------------------------------------------------------------------


def test_the_key_moves_with_every_account_of_the_group(ctx: Context) -> None:
    sally, second = make_account(ctx.db, "sally"), make_account(ctx.db, "second")
    link(ctx.db, second, sally)

    def key(viewer: Viewer = ANONYMOUS, now: int = NOW) -> object:
        opened = profiles.open_profile(ctx, viewer, "sally", now)
        assert isinstance(opened, profiles.OpenProfile)
        return opened.key

    before = key()
    assert before is not None
    assert key() == before
    assert key(now=NOW + 86_400) != before
    set_columns(ctx.db, second, bio="x")
    after = key()
    assert after != before
    choose(ctx.db, sally, you=("bio",))
    assert key() != after
    assert key(viewing.load_viewer(ctx, sally)) is None     # the owner's page is not kept
    assert earned(see(ctx, "sally"), "answers") == []


def test_the_key_is_one_statement(ctx: Context) -> None:
    make_account(ctx.db, "sally")
    ctx.gate()
    with statements(ctx.db) as seen:
        opened = profiles.open_profile(ctx, ANONYMOUS, "sally", NOW)
        assert isinstance(opened, profiles.OpenProfile)
        assert opened.key
    assert len(seen) == 1
