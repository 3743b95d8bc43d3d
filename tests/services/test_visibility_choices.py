"""Choosing, clearing and accepting levels through the service: what an act does, and that it does no more (D19)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.errors import Conflict, Invalid, NotFound, Refused
from policies.terms import ANONYMOUS, Level, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization
from tests.services.people import BIT, FIELDS, see
from webapp.services import visibility
from webapp.services.context import Context
from webapp.services.viewing import load_viewer
from webapp.services.visibility_views import VisibilityPage
from webapp.store import policy, profiles


def act(ctx: Context, viewer: Viewer, *, accepted: tuple[str, ...] = (), **form: str) -> bool:
    sent = {name.replace("__", "-"): text for name, text in form.items()}
    return visibility.save(ctx, viewer, visibility.read_acts(ctx, sent, accepted), NOW)


def change(ctx: Context, op: str, field: str, level: int | None, scope: str = "managed") -> int:
    with ctx.db.transaction():
        return policy.append_change(ctx.db, op, scope, NOW, bit=BIT[field], level=level)


def column(ctx: Context, name: str, account_id: int | None) -> Any:
    return ctx.db.row(f"SELECT {name} FROM account WHERE id = ?", (account_id,))[0]


def masks(ctx: Context, account_id: int, viewers: tuple[Viewer, ...]) -> list[int]:
    """What each viewer sees of the record now."""
    group = profiles.load_group_of(ctx.db, account_id)
    gate = ctx.gate(group.version)
    return [gate.mask(viewer, group.subject(group.asked)) for viewer in viewers]


def why(page: VisibilityPage, field: str) -> str:
    return " ".join(step.text for step in page.row(field).why)


@pytest.fixture
def worker(ctx: Context) -> Viewer:
    """A managed account that nobody linked."""
    return load_viewer(ctx, make_account(ctx.db, "work", kind="managed"))


@pytest.fixture
def sally(ctx: Context) -> Viewer:
    return load_viewer(ctx, make_account(ctx.db))


def test_a_save_is_one_act_with_its_audit_row(ctx: Context, worker: Viewer) -> None:
    before = ctx.db.row("SELECT edit_version, row_version FROM account WHERE id = ?", (worker.account_id,))
    assert act(ctx, worker, level__email="anyone", level__bio="only_you")
    after = ctx.db.row("SELECT edit_version, row_version FROM account WHERE id = ?", (worker.account_id,))
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
    row = ctx.db.row("SELECT event, actor_id, subject_id, detail FROM audit ORDER BY id DESC LIMIT 1")
    assert row == ("visibility:edit", worker.account_id, worker.account_id,
                   '{"fields": {"bio": "only_you", "email": "anyone"}}')
    assert not act(ctx, worker, level__email="anyone")
    assert column(ctx, "edit_version", worker.account_id) == after[0]


def test_nothing_is_saved_where_one_field_is_refused(ctx: Context, worker: Viewer) -> None:
    change(ctx, "lock", "location", 1)
    with pytest.raises(Refused):
        act(ctx, worker, level__bio="only_you", level__location="anyone")
    assert (column(ctx, "chosen", worker.account_id), ctx.db.row("SELECT COUNT(*) FROM audit")[0]) == (0, 0)


def test_nobody_logged_in_has_no_page(ctx: Context) -> None:
    with pytest.raises(NotFound):
        visibility.open_page(ctx, ANONYMOUS)
    with pytest.raises(NotFound):
        act(ctx, ANONYMOUS, level__bio="only_you")


def test_d19_an_act_absorbs_what_links_hold_and_frees_them(ctx: Context, sally: Viewer) -> None:
    bits = {name: 1 << BIT[name] for name in ("stats", "groups")}
    linked = make_account(ctx.db, "second")
    link(ctx.db, linked, sally.account_id)
    held = (2**63 - 1) & ~bits["stats"] & ~bits["groups"]
    ctx.db.execute("UPDATE account SET link_cap_anyone = ?, link_cap_org = ?, link_private = ? WHERE id = ?",
                   (held, held, True, linked))
    assert act(ctx, sally, level__stats="anyone", level__kudos="only_you")
    assert column(ctx, "link_cap_anyone", linked) == 2**63 - 1
    assert not column(ctx, "link_private", linked)
    assert column(ctx, "private", sally.account_id)
    assert column(ctx, "cap_anyone", sally.account_id) & (bits["stats"] | bits["groups"]) == bits["stats"]
    # An act on the linked account's own record leaves the link as it is.
    ctx.db.execute("UPDATE account SET link_cap_anyone = ? WHERE id = ?", (held, linked))
    assert act(ctx, load_viewer(ctx, linked), level__stats="only_you")
    assert column(ctx, "link_cap_anyone", linked) == held


def test_d19_clearing_after_a_link_says_what_it_opens(ctx: Context, sally: Viewer) -> None:
    """The default that the page names counts what links hold: freed by the same act."""
    act(ctx, sally, level__stats="only_you")
    linked = make_account(ctx.db, "second")
    link(ctx.db, linked, sally.account_id)
    held = (2**63 - 1) & ~(1 << BIT["stats"])
    ctx.db.execute("UPDATE account SET link_cap_anyone = ?, link_cap_org = ? WHERE id = ?", (held, held, linked))
    row = visibility.open_page(ctx, sally).row("stats")
    assert (row.level, row.default) == ("only_you", "anyone")
    assert act(ctx, sally, default="stats:anyone")
    assert visibility.open_page(ctx, sally).row("stats").level == "anyone"


def test_d11_only_what_waits_is_accepted(ctx: Context, worker: Viewer) -> None:
    for stale in (("location:anyone",), ("bio:only_you",)):
        with pytest.raises(Conflict):
            act(ctx, worker, accepted=stale)
    change(ctx, "cell", "location", 2)
    change(ctx, "cell", "email", 1)
    offered = [offer.key for offer in visibility.open_page(ctx, worker).offers]
    assert offered == ["location:anyone", "email:organization"]
    with pytest.raises(Conflict):
        act(ctx, worker, accepted=("location:anyone", "email:anyone"))
    assert act(ctx, worker, accepted=("email:organization",))
    assert [offer.key for offer in visibility.open_page(ctx, worker).offers] == ["location:anyone"]
    assert ctx.db.row("SELECT detail FROM audit ORDER BY id DESC LIMIT 1")[0] == (
        '{"fields": {"email": "accept organization"}}'
    )


def test_d11_an_undone_change_waits_no_more(ctx: Context, worker: Viewer) -> None:
    version = change(ctx, "cell", "location", 2)
    with ctx.db.transaction():
        policy.undo_change(ctx.db, version, NOW)
    with pytest.raises(Conflict):
        act(ctx, worker, accepted=("location:anyone",))


def test_s81_a_held_full_name_waits_and_is_accepted(ctx: Context) -> None:
    account = make_account(ctx.db, full_name="Sally Smith", cap_anyone=(2**63 - 1) & ~(1 << BIT["full_name"]))
    sally = load_viewer(ctx, account)
    assert see(ctx, "sally").name == "Sally"
    page = visibility.open_page(ctx, sally)
    assert (page.row("full_name").level, page.row("full_name").is_fixed) == ("only_you", True)
    assert [offer.key for offer in page.offers] == ["full_name:anyone"]
    with pytest.raises(Refused):
        act(ctx, sally, level__full_name="anyone")
    assert act(ctx, sally, accepted=("full_name:anyone",))
    assert see(ctx, "sally").name == "Sally Smith"


def test_d15_the_chain_of_why(ctx: Context, worker: Viewer) -> None:
    act(ctx, worker, level__department="organization", level__email="anyone")
    organization = make_organization(ctx.db)
    change(ctx, "cell", "location", 2)
    change(ctx, "cell", "timezone", 0, f"org:{organization}")
    change(ctx, "lock", "email", 1, f"org:{organization}")
    page = visibility.open_page(ctx, worker)
    assert why(page, "job_title") == "The default for managed accounts is Anyone."
    assert why(page, "timezone") == "Acme’s default is Only you."
    assert why(page, "department") == "The default for managed accounts is Organization. You chose Organization."
    assert "You chose Anyone. Acme allows Organization at the widest" in why(page, "email")
    assert "would open it to Anyone now. It stays at Organization until you accept" in why(page, "location")
    assert next(step.since for step in page.row("email").why if "widest" in step.text) == NOW


def test_d15_a_veto_is_named(ctx: Context, sally: Viewer) -> None:
    from policies.hookspecs import hookimpl
    from policies.manager import PolicyManager
    from policies.terms import Veto

    class Plugin:
        @hookimpl
        def register_vetoes(self) -> Any:
            return [Veto("night watch", lambda question: {"location"})]

    vetoed = Context(db=ctx.db, manager=PolicyManager([("night", Plugin())]), site=ctx.site)
    page = visibility.open_page(vetoed, sally)
    assert "hides it from Anyone" in why(page, "location")
    assert "night watch" in why(page, "location")
    assert "hides" not in why(page, "bio")


def test_t67_unknown_fields_and_levels_name_what_is_wrong(ctx: Context) -> None:
    with pytest.raises(Invalid) as caught:
        visibility.read_acts(ctx, {"level-nosuch": "anyone", "level-email": "wide", "other": "x"})
    assert set(caught.value.errors) == {"nosuch", "email"}


NAMES = ("only_you", "organization", "anyone")
FEW = ("avatar", "full_name", "location", "email", "bio", "stats", "activity")
OWNER_ACTS = st.one_of(
    st.tuples(st.just("choose"), st.sampled_from(FEW), st.sampled_from(NAMES)),
    st.tuples(st.just("clear"), st.sampled_from(FEW), st.just("")),
    st.tuples(st.just("accept"), st.sampled_from(FEW), st.sampled_from(NAMES[1:])),
)
ADMIN_ACTS = st.tuples(
    st.sampled_from(["cell", "lock"]), st.sampled_from(FEW), st.sampled_from([None, 0, 1, 2]),
    st.sampled_from(["managed", "personal", "org"]),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["managed", "personal"]),
       history=st.lists(st.one_of(OWNER_ACTS, OWNER_ACTS, ADMIN_ACTS), max_size=14), number=st.integers(0, 10**9))
def test_d19_no_act_on_a_field_widens_another(sqlite_ctx: Context, kind: str, history: list[Any], number: int) -> None:
    """Choose, clear and accept in any order, admins in between: only the field acted on, and only as asked."""
    ctx = sqlite_ctx
    count = ctx.db.row("SELECT COUNT(*) FROM account")[0]
    account = make_account(ctx.db, f"m{count}", kind=kind)
    mine = load_viewer(ctx, account)
    organization = make_organization(ctx.db)
    viewers = (ANONYMOUS, Viewer(organizations=frozenset({organization})))
    for step in history:
        before = masks(ctx, account, viewers)
        page = visibility.open_page(ctx, mine)
        own = 0
        if step[0] in ("cell", "lock"):
            scope = f"org:{organization}" if step[3] == "org" else step[3]
            change(ctx, step[0], step[1], step[2], scope)
        else:
            verb, field, level = step
            row = page.row(field)
            own = 1 << BIT[field]
            try:
                if verb == "choose":
                    act(ctx, mine, **{f"level__{field}": level, f"was__{field}": row.level})
                    if level != row.level:
                        assert visibility.open_page(ctx, mine).row(field).level == level
                elif verb == "clear" and row.default:
                    act(ctx, mine, default=f"{field}:{row.default}")
                    assert visibility.open_page(ctx, mine).row(field).level == row.default
                elif verb == "accept":
                    act(ctx, mine, accepted=(f"{field}:{level}",))
                    assert f"{field}:{level}" in [offer.key for offer in page.offers] or row.held_at == "anyone"
            except (Refused, Conflict):
                own = 0
        after = masks(ctx, account, viewers)
        for was, now in zip(before, after, strict=True):
            assert now & ~was & ~own == 0, (step, [name for name in FIELDS if (now & ~was) >> BIT[name] & 1])
    assert all(Level[row.level.upper()] in Level for row in visibility.open_page(ctx, mine).rows)
