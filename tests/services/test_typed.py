"""Fields of plugins that members type into: kept, checked, shown to whom the gate lets, in what leads out, erased."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from policies.errors import ConfigError, Conflict, Invalid
from policies.manager import PolicyManager
from policies.terms import ANONYMOUS, Field, Kind, Level, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.plugged import plug, plugin
from tests.services.people import set_columns
from webapp.ops import leak_plan
from webapp.services import erasing, export, people, people_index, plugins, profiles, typed, viewing, visibility
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.views import ProfileView
from webapp.store import typed as store

MOTTO, STORY = "motto", "story"
MINE = plugin(
    register_fields=lambda: (
        Field(MOTTO, "Motto", typed=30, hint="A few words."), Field(STORY, "My story", typed=2000),
        Field("derived", "Derived", section=True),
    ),
    default_cell=lambda kind, field: (
        (Level.ANYONE if kind is Kind.PERSONAL else Level.ORGANIZATION) if field in (MOTTO, STORY, "derived") else None
    ),
)


@pytest.fixture
def site(ctx: Context) -> Context:
    return plug(ctx, ("mine", MINE))


@pytest.fixture
def sally(site: Context) -> int:
    return make_account(site.db)


def save(site: Context, account: int, **form: str) -> bool:
    return typed.save_more(site, viewing.load_viewer(site, account), form, NOW)


def hide(site: Context, account: int, *names: str) -> None:
    """As the owner does it on Settings > Profile and visibility."""
    acts = visibility.read_acts(site, {f"level-{name}": "only_you" for name in names})
    visibility.save(site, viewing.load_viewer(site, account), acts, NOW)


def extras(site: Context, handle: str = "sally", viewer: Viewer = ANONYMOUS) -> dict[str, str]:
    view = profiles.view_profile(site, viewer, handle, NOW)
    assert isinstance(view, ProfileView)
    return {extra.field: extra.data.text for extra in view.extras}      # type: ignore[union-attr]


def test_what_is_typed_is_kept_and_shown_and_may_be_taken_away(site, sally):
    assert extras(site) == {}
    assert save(site, sally, motto="  Be   kind ", story="One\r\n\r\ntwo")
    assert extras(site) == {MOTTO: "Be kind", STORY: "One\n\ntwo"}
    assert not save(site, sally, motto="Be kind"), "nothing new"
    assert save(site, sally, motto="", story="One\n\ntwo")
    assert extras(site) == {STORY: "One\n\ntwo"}
    events = site.db.rows("SELECT event, detail FROM audit WHERE event = 'more:edit' ORDER BY id")
    assert [json.loads(detail)["fields"] for _, detail in events] == [[MOTTO, STORY], [MOTTO]]


@pytest.mark.parametrize(("text", "said"), [
    ("x" * 31, "Take out 1 char"), ("a\u202eb", "invisible"), ("x" * 100_000, "a little long"),
])
def test_what_cannot_stand_there_is_refused_beside_its_field(site, sally, text, said):
    with pytest.raises(Invalid) as error:
        save(site, sally, motto=text, story="Fine")
    assert set(error.value.errors) == {MOTTO}
    assert said in error.value.errors[MOTTO]
    assert store.load_all(site.db, sally) == []


def test_t67_nothing_but_what_members_type_into_is_taken(site, sally):
    before = site.db.row("SELECT * FROM account WHERE id = ?", (sally,))
    assert not save(site, sally, derived="x", bio="x", is_admin="1", nonsense="x", kudos="x")
    assert site.db.row("SELECT * FROM account WHERE id = ?", (sally,)) == before
    assert store.load_all(site.db, sally) == []


def test_a_change_in_another_window_is_noticed(site, sally):
    viewer = viewing.load_viewer(site, sally)
    seen = typed.open_more(site, viewer).seen
    save(site, sally, motto="First")
    with pytest.raises(Conflict):
        save(site, sally, motto="Second", seen=seen)
    assert extras(site) == {MOTTO: "First"}


def test_the_gate_rules_it_for_every_viewer(site):
    """Default, choice, organization and private, as for a field of the core; each act from the next look on (T62)."""
    ines = make_account(site.db, "ines", kind="managed")
    colleague = viewing.load_viewer(site, make_account(site.db, "ivo", kind="managed"))
    save(site, ines, motto="For Acme", story="For me")
    hide(site, ines, STORY)
    assert extras(site, "ines") == {}
    assert extras(site, "ines", colleague) == {MOTTO: "For Acme"}
    assert extras(site, "ines", viewing.load_viewer(site, ines)) == {MOTTO: "For Acme", STORY: "For me"}
    set_columns(site.db, ines, private=True)
    assert extras(site, "ines", colleague) == {}


def test_s60_d7_a_group_has_one_and_a_managed_session_edits_what_it_sees(site, sally):
    work = make_account(site.db, "work", kind="managed")
    save(site, sally, motto="Sally's", story="Hers alone")
    save(site, work, motto="The account's own")
    link(site.db, work, sally)
    hide(site, sally, STORY)
    assert extras(site) == {MOTTO: "Sally's"}
    insider = viewing.load_viewer(site, work)
    assert set(typed.open_more(site, insider).values) == {MOTTO}
    assert typed.save_more(site, insider, {"motto": "Ours", "story": "Taken over"}, NOW)
    assert extras(site, viewer=viewing.load_viewer(site, sally)) == {MOTTO: "Ours", STORY: "Hers alone"}
    assert store.load_all(site.db, work) == [(MOTTO, "The account's own")]


def test_t61_hidden_unset_and_set_cost_the_same_statements(site, sally):
    make_account(site.db, "none")
    save(site, sally, motto="Here", story="There")

    def count(handle: str) -> int:
        seen: list[str] = []
        rows = site.db.rows
        site.db.rows = lambda sql, params=(): seen.append(sql) or rows(sql, params)    # type: ignore[method-assign]
        try:
            profiles.view_profile(site, ANONYMOUS, handle, NOW)
        finally:
            del site.db.rows
        return len(seen)

    counted = [count("sally"), count("none")]
    hide(site, sally, MOTTO, STORY)
    assert [*counted, count("sally")] == [counted[0]] * 3


def test_the_leak_check_puts_other_values_in_place_of_what_is_hidden_and_of_nothing_else(site, sally):
    save(site, sally, motto="Shown", story="Hidden")
    hide(site, sally, STORY)
    member = next(one for one in leak_plan.draw_members(site.db, 5) if one.id == sally)
    hidden = leak_plan.hidden_from(site, ANONYMOUS, member)
    assert hidden is not None
    leak_plan.plant(site, [hidden], "a", "run", NOW)
    planted = dict(store.load_all(site.db, sally))
    assert planted == {MOTTO: "Shown", STORY: leak_plan.token(member, STORY, "a", "run")}
    leak_plan.plant(site, [hidden], "b", "run", NOW)
    assert dict(store.load_all(site.db, sally)) == {MOTTO: "Shown"}
    assert extras(site) == {MOTTO: "Shown"}


def test_it_is_a_row_of_settings_in_the_export_and_gone_with_the_account(site, sally):
    viewer = viewing.load_viewer(site, sally)
    save(site, sally, motto="Mine to take")
    rows = {row.field: row.value for row in visibility.open_page(site, viewer).rows}
    assert (rows[MOTTO], rows[STORY], rows["derived"]) == ("Mine to take", "Not set", "")
    session = Session("raw", "id", sally, "sally", False, NOW, NOW, viewer)
    for context in (site, plug(site)):      # also when the plugin is gone
        archive = zipfile.ZipFile(io.BytesIO(b"".join(export.export(context, session, NOW))))
        assert "Mine to take" in archive.read(next(n for n in archive.namelist() if n.endswith("record.json"))).decode()
    set_columns(site.db, sally, state="closing", closes_at=NOW - 1)
    assert erasing.delete(site, sally, NOW)
    assert store.load_all(site.db, sally) == []


def test_a_plugin_that_is_off_shows_asks_and_loses_nothing(site, sally):
    save(site, sally, motto="Waits")
    root = make_account(site.db, "root", is_admin=True)
    session = Session("raw", "id", root, "root", True, NOW, NOW, Viewer(root, root))
    plugins.switch(site, session, "mine", False, NOW)
    assert extras(site) == {}
    assert typed.open_more(site, viewing.load_viewer(site, sally)).fields == frozenset()
    assert not save(site, sally, motto="Not asked")
    assert store.load_all(site.db, sally) == [(MOTTO, "Waits")]


def test_plugins_are_told_of_it_as_anyone_may_see_it(ctx):
    heard: list[dict[str, str]] = []
    told = plugin(profile_changed=lambda profile, values: heard.append(dict(values)))
    site = plug(ctx, ("mine", MINE), ("told", told))
    sally = make_account(site.db)
    hide(site, sally, STORY)
    save(site, sally, motto="For all", story="For me")
    assert heard == [{MOTTO: "For all"}]


@pytest.mark.parametrize("field", [
    Field("motto", "Motto", typed=-1), Field("motto", "Motto", typed=2001), Field("motto", "Motto", typed=True),
    Field("motto", "Motto", typed=5, section=True), Field("seen", "Seen", typed=5),
    Field("motto", "Motto", typed=5, hint="a\nb"),
])
def test_a_field_that_nobody_could_type_into_stops_the_start(field):
    with pytest.raises(ConfigError, match="mine"):
        PolicyManager([("mine", plugin(register_fields=lambda: (field,)))])


def test_the_shipped_example(ctx):
    from plugins import pronouns
    from webapp.store import plugins as plugin_store

    plugin_store.set_state(ctx.db, "pronouns", "on", NOW)
    site = plug(ctx, ("pronouns", pronouns))
    sally = make_account(site.db)
    assert [(one.name, one.limit, one.is_long) for one in typed.questions(site)] == [("pronouns", 40, False)]
    save(site, sally, pronouns="they/them")
    assert extras(site) == {"pronouns": "they/them"}
    ines = make_account(site.db, "ines", kind="managed")
    save(site, ines, pronouns="she/her")
    assert extras(site, "ines") == {}


def found(site: Context, words: str, viewer: Viewer = ANONYMOUS) -> list[str]:
    return [card.handle for card in people.view_people(site, viewer, people.Asked(q=words), NOW).cards]


def test_t49_the_directory_finds_what_is_shown_and_nothing_that_is_hidden(site: Context, sally: int) -> None:
    save(site, sally, motto="Festina lente", story="Sesquipedalian")
    assert found(site, "festina") == found(site, "sesquip") == ["sally"]
    hide(site, sally, STORY)
    assert found(site, "festina") == ["sally"]
    assert found(site, "sesquip") == found(site, "sesquip", viewing.load_viewer(site, sally)) == []


def test_t49_what_a_row_of_the_index_still_holds_is_found_by_nobody_who_does_not_see_it(
    site: Context, sally: int
) -> None:
    """As between a policy that narrows and the worker that writes the rows anew."""
    save(site, sally, motto="Festina lente")
    (words,) = site.db.row("SELECT words FROM people WHERE profile_id = ?", (sally,)) or ("",)
    hide(site, sally, MOTTO)
    site.db.execute("UPDATE people SET words = ? WHERE profile_id = ?", (words, sally))
    assert "festina" in words
    assert found(site, "festina") == []


def test_d12_what_only_colleagues_see_is_found_by_colleagues(site: Context) -> None:
    worker = make_account(site.db, "worker", kind="managed")
    save(site, worker, motto="Festina lente")
    colleague = viewing.load_viewer(site, make_account(site.db, "other", kind="managed"))
    assert found(site, "festina") == []
    assert found(site, "festina", colleague) == ["worker"]


def test_what_a_plugin_asked_for_is_not_found_while_it_is_off(site: Context, sally: int) -> None:
    save(site, sally, motto="Festina lente")
    root = make_account(site.db, "root")
    admin = Session("raw", "id", root, "root", True, NOW, NOW, Viewer(root, root))
    plugins.switch(site, admin, "mine", False, NOW)
    assert found(site, "festina") == []
    people_index.rebuild(site)
    assert "festina" not in str(site.db.rows("SELECT words FROM people"))
    plugins.switch(site, admin, "mine", True, NOW)
    people_index.rebuild(site)
    assert found(site, "festina") == ["sally"]
