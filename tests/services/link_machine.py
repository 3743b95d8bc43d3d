"""Random histories of linked accounts through the services, against a model; doctor and D19 after every step.

The model is the world of tests/policies (which its own state machine proves never to widen) under the real gate: every
row of table account must be what that world says. No test lives here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from policies import holding
from policies.errors import Invalid, Refused
from policies.linking import Outcome, Side, Standing, link_outcome, link_refusal, primary_refusal, unlink_refusal
from policies.terms import ANONYMOUS, Level, LinkHold, Settings, Viewer
from policies.visibility import Gate
from tests.conftest import NOW
from tests.factories import make_domain, open_audit
from tests.policies.world import Row, World
from tests.services import linkers as by
from tests.services import people
from webapp.ops.doctor import MEANING
from webapp.services import (
    accounts,
    closing,
    editing,
    emails,
    linking,
    privacy,
    profiles,
    signup,
    viewing,
)
from webapp.services.context import Context
from webapp.services.link_views import Rehearsal
from webapp.services.returning import IsClosing
from webapp.store import invariants, records
from webapp.store import totals as totals_store
from webapp.store.profiles import load_group, load_group_of

DOMAINS = ("home.example", "one.example", "two.example")
ORGANIZATIONS = ("one", "two")
FIELDS = ("full_name", "location", "stats", "kudos")
NAMES = ("ann", "bob", "cat", "dan", "eve", "fay")
COUNTERS = ("answers", "likes_received", "peer_kudos")
who = st.integers(0, len(NAMES) - 1)
wild = st.integers(0, 3).map(lambda one: one == 0)


class LinkWorld(World):
    """The model under the gate of the database."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.rows: dict[int, Row] = {}

    @property
    def gate(self) -> Gate:  # type: ignore[override]
        return self.ctx.gate()


class LinkMachine(RuleBasedStateMachine):
    """Every rule is one request of a member or an admin; `step` checks everything after it."""

    ctx: Context

    @initialize(homes=st.lists(st.sampled_from(DOMAINS), min_size=len(NAMES), max_size=len(NAMES)),
                private=st.integers(0, 63), hidden=st.integers(0, 63),
                numbers=st.lists(st.integers(0, 60), min_size=18, max_size=18))
    def start(self, homes: list[str], private: int, hidden: int, numbers: list[int]) -> None:
        wipe(self.ctx)
        self.now = NOW
        db = self.ctx.db
        for number, domain in enumerate(DOMAINS):
            by.verify_domain(self.ctx, domain, None, self.now)
            if domain != "home.example" and numbers[number] % 2:
                by.verify_domain(self.ctx, domain, domain.partition(".")[0], self.now)
        self.world = LinkWorld(self.ctx)
        self.ids: list[int] = []
        self.handles = list(NAMES)
        for number, (name, domain) in enumerate(zip(NAMES, homes, strict=True)):
            domain_id = make_domain(db, domain)
            columns: dict[str, Any] = {
                column: numbers[3 * number + place] for place, column in enumerate(COUNTERS)
            }
            made = by.member(
                db, name, email=f"{name}@{domain}", domain_id=domain_id, full_name=name.title(), location="Oslo",
                **columns,
            )
            self.ids.append(made)
            self.world.rows[made] = Row(made, domain_id, Settings(db.policy_version()))
            if hidden >> number & 1:
                self.write_choice(self.world.rows[made], "stats", Level.ONLY_YOU)
            if private >> number & 1 and numbers[number] % 2:
                privacy.save_privacy(self.ctx, viewing.load_viewer(self.ctx, made), {"privacy": "private"}, self.now)
                self.world.set_private(self.world.rows[made], True, False)
        people.gave(db, self.ids[0], self.ids[1])
        self.pairs = {(self.ids[1], self.ids[0]): 1}
        self.raw = self.counters()
        self.own_seen = self.look()
        self.check()

    # looking

    def counters(self) -> list[tuple[Any, ...]]:
        return self.ctx.db.rows(
            f"SELECT id, {', '.join(COUNTERS)} FROM account JOIN counter ON account_id = id WHERE state <> 'deleted'"
            " ORDER BY id"
        )

    def look(self) -> dict[str, set[tuple[str, int, int]]]:
        """What Anyone and each organization sees of every account's record, and of its rows in sections."""
        seen = {}
        for name, organizations in {"anyone": (), **{f"of {o}": (o,) for o in self.organizations()}}.items():
            viewer = Viewer(None, None, bool(organizations), frozenset(organizations))
            seen[name] = {atom for atom in self.world.seen(viewer) if atom[0] != "page"}
        return seen

    def organizations(self) -> list[int]:
        return [row[0] for row in self.ctx.db.rows("SELECT id FROM organization ORDER BY id")]

    def check(self) -> None:
        """The table is what the model says; I1 to I11 hold."""
        self.equals_the_model()
        for name, meaning in MEANING.items():
            found = invariants.find_breaches(self.ctx.db, name)
            assert not found, [meaning.format(*row) for row in found]
        assert self.counters() == self.raw, "I5"
        for row in self.world.rows.values():
            if row.primary is None:
                self.sums_are_those_of_its_accounts(row)

    def equals_the_model(self) -> None:
        columns = (
            "id, primary_id, silent, edit_version, base_version, chosen, chosen_anyone, chosen_org, cap_anyone,"
            " cap_org, private, keep_name, link_cap_anyone, link_cap_org, link_private, link_edit_self,"
            " link_edit_primary"
        )
        for found in self.ctx.db.rows(f"SELECT {columns} FROM account WHERE state <> 'deleted' ORDER BY id"):
            row = self.world.rows[found[0]]
            settings = Settings(*found[4:10], bool(found[10]), bool(found[11]))
            hold = LinkHold(found[12], found[13], bool(found[14]), found[15], found[16])
            kept = (found[1], bool(found[2]), found[3], settings, hold)
            assert kept == (row.primary, row.silent, row.edits, row.settings, row.hold), self.handle(row)

    def sums_are_those_of_its_accounts(self, head: Row) -> None:
        """I6, I7, from the raw numbers."""
        group = load_group_of(self.ctx.db, head.id)
        assert group is not None
        ids = {row.id for row in self.world.group(head)}
        assert set(group.ids) == ids, "I1"
        sums = totals_store.load_sums(self.ctx.db, group.ids, group.shown_ids, True, True)
        raw = {row[0]: row[1:] for row in self.raw}
        among = sum(n for (receiver, giver), n in self.pairs.items() if receiver in ids and giver in ids)
        expected = [sum(raw[one][place] for one in ids) for place in range(3)]
        assert (sums.answers, sums.likes_received, sums.peer_kudos) == (*expected[:2], expected[2] - among), "I6"
        earned = self.ctx.manager.milestones("answers", expected[0])
        assert earned == tuple(n for n in self.ctx.manager.ladder("answers") if n <= expected[0]), "I7"

    def is_as_told(self, told: Rehearsal) -> None:
        """D4: the profile is what the rehearsal said it would be."""
        group = load_group(self.ctx.db, told.address.removeprefix("/u/"))
        assert group is not None
        assert group.asked.primary_id is None
        sums = totals_store.load_sums(self.ctx.db, group.ids, group.shown_ids, True, True)
        shown = {total.metric: total.value for total in told.together.totals}
        assert {name: getattr(sums, name) for name in shown} == shown
        assert (told.privacy == "private") == group.subject(group.primary).private

    # acting

    def handle(self, row: Row) -> str:
        return self.handles[self.ids.index(row.id)]

    def row(self, index: int) -> Row:
        return self.world.rows[self.ids[index]]

    def side(self, row: Row) -> Side:
        head = self.world.head(row)
        standing = Standing.LINKED if row.primary else Standing.UNLINKED
        if self.world.linked(row):
            standing = Standing.PRIMARY
        return Side(row.id, head.id, self.world.gate.kind(row.domain), standing)

    def attempt(self, expected: str | None, act: Callable[[], object], model: Callable[[], object]) -> bool:
        """The service refuses exactly where the rules do; whether it was done."""
        self.now += 10
        rule = refusal_of(act)
        assert rule == expected
        if rule is None:
            model()
        self.check()
        return rule is None

    def never_widens(self, done: bool, back: bool = False) -> None:
        """D10: nobody sees more after a link verb; what comes back with an unlink was seen before (S51)."""
        after = self.look()
        for name, seen in after.items():
            gained = seen - self.before.get(name, set())
            gained -= {("sum", *atom[1:]) for atom in self.before.get(name, set()) if atom[0] == "sec"}
            gained -= {("sec", *atom[1:]) for atom in self.before.get(name, set()) if atom[0] == "sum"}
            if back:
                own = self.own_seen.get(name, set())
                gained -= own | {("sum", *atom[1:]) for atom in own if atom[0] == "sec"}   # the rows tell the numbers
            assert not gained, (done, name, sorted(gained))
        self.seen_now(after)

    def seen_now(self, after: dict[str, set[tuple[str, int, int]]] | None = None) -> None:
        for name, seen in (after or self.look()).items():
            self.own_seen.setdefault(name, set()).update(seen)

    @rule(x=who, y=who, first=st.booleans(), silent=st.booleans(), public=st.booleans())
    def link(self, x: int, y: int, first: bool, silent: bool, public: bool) -> None:
        own, other = self.row(x), self.row(y)
        sides = self.side(own), self.side(other)
        expected = link_refusal(*sides)
        outcome = link_outcome(*sides)
        self.before = self.look()
        session = by.log_in(self.ctx, own.id, self.now + 10)

        def act() -> None:
            token = by.prove(self.ctx, session, self.handles[y], self.now)
            choice = by.pick(self.ctx, session, own.id if first else other.id)
            choices: dict[str, Any] = {"primary_choice": choice, "silent": silent, "may_be_public": public}
            if outcome is not Outcome.CHOOSE:
                choices.pop("primary_choice")
            told = linking.rehearse(self.ctx, session, token, self.now, **choices)
            linking.link_accounts(self.ctx, session, token, self.now, **choices)
            self.is_as_told(told)

        def model() -> None:
            joins_own = outcome is Outcome.JOINS_OWN or (outcome is Outcome.CHOOSE and first)
            if outcome in (Outcome.OWN_HEADS, Outcome.OTHER_HEADS):
                head, flagged = (own, other) if outcome is Outcome.OWN_HEADS else (other, own)
                self.world.link(flagged, head, may_be_public=public)
                self.world.make_primary(head)
                if silent:
                    self.world.set_silent(flagged, True)
            else:
                head, row = (own, other) if joins_own else (other, own)
                self.world.link(head, row, silent=silent, may_be_public=public)

        done = self.attempt(expected, act, model)
        if public:
            self.seen_now()
        else:
            self.never_widens(done)

    @rule(x=who, y=who, wild=wild)
    def unlink(self, x: int, y: int, wild: bool) -> None:
        self.on_row(x, y, wild, unlink_refusal, lambda session, key: linking.unlink(self.ctx, session, key, self.now),
                    self.world.unlink, back=True)

    @rule(x=who, y=who, wild=wild)
    def make_primary(self, x: int, y: int, wild: bool) -> None:
        def refusal(actor: Side, target: Side) -> str | None:
            silent = self.world.rows[target.account].silent
            return primary_refusal(actor, target) or ("rule_primary_is_shown" if silent else None)

        self.on_row(x, y, wild, refusal, lambda session, key: linking.make_primary(self.ctx, session, key, self.now),
                    self.world.make_primary)

    @rule(x=who, y=who, wild=wild, silent=st.booleans())
    def silence(self, x: int, y: int, wild: bool, silent: bool) -> None:
        def refusal(actor: Side, target: Side) -> str | None:
            if target.standing is not Standing.LINKED:
                return "rule_is_linked"
            if actor.is_primary:
                return None
            if actor.account != target.account:
                return "rule_only_primary_unlinks"
            return "rule_managed_session_is_weakest" if not silent and actor.kind == "managed" else None

        self.on_row(
            x, y, wild, refusal, lambda session, key: linking.set_silent(self.ctx, session, key, silent, self.now),
            lambda row: self.world.set_silent(row, silent), back=silent,
        )

    def on_row(
        self, x: int, y: int, wild: bool, refusal: Callable[[Side, Side], str | None],
        act: Callable[[Any, str], object], model: Callable[[Row], object], *, back: bool = False,
    ) -> None:
        """A verb of X's session on the row of Y, where X sees one; not `wild`: of a primary on one linked to it."""
        actor, target = self.row(x), self.row(y)
        heads = [row for row in self.world.rows.values() if self.world.linked(row)]
        if heads and not wild:
            actor = heads[x % len(heads)]
            target = self.world.linked(actor)[y % len(self.world.linked(actor))]
        session = by.log_in(self.ctx, actor.id, self.now + 10)
        keys = {row.handle: row.key for row in by.page(self.ctx, session, self.now + 10).rows}
        weak = actor.primary is not None and self.world.is_managed(actor)
        group = [actor] if weak else self.world.group(actor)
        assert set(keys) == {self.handle(row) for row in group}
        handle = self.handle(target)
        if handle not in keys:
            return
        self.before = self.look()
        expected = refusal(self.side(actor), self.side(target))
        done = self.attempt(expected, lambda: act(session, keys[handle]), lambda: model(target))
        self.never_widens(done, back)

    @rule(x=who)
    def leave(self, x: int) -> None:
        """Ask, wait, be taken out (D18)."""
        row = self.row(x)
        if row.primary is None:
            return
        self.before = self.look()
        self.now += 10
        linking.ask_to_leave(self.ctx, by.log_in(self.ctx, row.id, self.now), self.now)
        self.now += 7 * 86_400
        assert linking.finish_leaves(self.ctx, self.now) == 1
        self.world.unlink(row)
        self.check()
        self.never_widens(True, back=True)

    @rule(x=who, text=st.integers(0, 2))
    def edit(self, x: int, text: int) -> None:
        """S60: whoever of the group edits, edits the one record."""
        row = self.row(x)
        head = self.world.head(row)
        viewer = viewing.load_viewer(self.ctx, row.id)
        if editing.save_about(self.ctx, viewer, {"bio": f"Text {text}"}, self.now):
            self.world.edit(head)
        self.acted()

    @rule(x=who, private=st.booleans(), keep=st.booleans())
    def private(self, x: int, private: bool, keep: bool) -> None:
        row = self.row(x)
        form = {"privacy": "private" if private else "public", "keep_name": "1" if keep else ""}
        done: list[bool] = []
        viewer = viewing.load_viewer(self.ctx, row.id)
        rule = refusal_of(lambda: done.append(privacy.save_privacy(self.ctx, viewer, form, self.now)))
        assert rule in {None, "rule_managed_session_does_not_widen"}
        if done == [True]:
            self.world.set_private(self.world.head(row), private, keep)
        self.acted()

    @rule(x=who, field=st.sampled_from(FIELDS), level=st.sampled_from(list(Level)))
    def choose(self, x: int, field: str, level: Level) -> None:
        if refusal_of(lambda: self.write_choice(self.row(x), field, level)) is None:
            self.acted()

    def write_choice(self, row: Row, field: str, level: Level) -> None:
        db = self.ctx.db
        with db.transaction():
            group = records.lock_group(db, row.id)
            assert group is not None
            settings = holding.choose(self.ctx.gate(), group.subject(group.asked), field, level)
            records.save(db, row.id, settings, {})
        self.world.choose(row, field, level)

    @rule(domain=st.sampled_from(DOMAINS[1:]), organization=st.sampled_from([None, *ORGANIZATIONS]))
    def verify(self, domain: str, organization: str | None) -> None:
        """A domain is verified or lost; a linked personal account that turns managed becomes silent (D6)."""
        self.now += 10
        domain_id = make_domain(self.ctx.db, domain)
        was = self.world.gate.organization(domain_id)
        by.verify_domain(self.ctx, domain, organization, self.now)
        if was is None and organization is not None:
            for row in sorted(self.world.rows.values(), key=lambda row: row.id):
                if row.primary is not None and row.domain == domain_id and not row.silent:
                    self.world.set_silent(row, True)
        self.acted()

    @rule(x=who)
    def log_in(self, x: int) -> None:
        """S43: any of the linked accounts can be used; who looks is decided by the group as it is now (D12)."""
        row = self.row(x)
        session = by.log_in(self.ctx, row.id, self.now)
        assert session.viewer.profile_id == self.world.head(row).id
        assert session.viewer.is_managed == self.world.is_managed(row)

    @rule(x=who, keep=st.booleans())
    def delete(self, x: int, keep: bool) -> None:
        """D22: asked, closed to everybody, then kept by a log-in or carried out (T69)."""
        row, number = self.row(x), x
        if self.world.linked(row):
            session = by.log_in(self.ctx, row.id, self.now)
            assert refusal_of(lambda: closing.ask_deletion(self.ctx, session, self.now)) == "rule_primary_closes_last"
            return
        self.before = self.look()
        self.now += 10
        due = closing.ask_deletion(self.ctx, by.log_in(self.ctx, row.id, self.now), self.now)
        self.is_unknown(row)
        if keep:
            self.now += 10
            email = self.ctx.db.row("SELECT email FROM account WHERE id = ?", (row.id,))
            assert email is not None
            with pytest.raises(IsClosing) as found:
                accounts.log_in(self.ctx, self.now, email=email[0], password=by.PASSWORD, remote="192.0.2.1")
            closing.cancel_deletion(self.ctx, found.value.key, self.now)
            self.check()
            return
        self.now = due
        assert closing.delete_due(self.ctx, self.now) == 1
        if row.primary is not None:
            self.world.unlink(row)
        del self.world.rows[row.id]
        self.pairs = {pair: n for pair, n in self.pairs.items() if row.id not in pair}
        self.raw = [one for one in self.raw if one[0] != row.id]
        assert load_group(self.ctx.db, self.handles[number]).asked.state == "deleted"
        self.check()
        self.never_widens(True, back=True)
        self.come_anew(row, number)

    def come_anew(self, row: Row, number: int) -> None:
        """Another account of the same address: it is nobody's heir."""
        domain = self.ctx.db.row("SELECT name FROM email_domain WHERE id = ?", (row.domain,))
        assert domain is not None
        name = f"{NAMES[number]}-{len(self.ctx.db.rows('SELECT handle FROM handle'))}"
        with pytest.raises(Invalid):
            with self.ctx.db.transaction():
                self.sign_up(number, domain[0], self.handles[number])
        with self.ctx.db.transaction():
            made = self.sign_up(number, domain[0], name)
        self.ids[number], self.handles[number] = made, name
        self.world.rows[made] = Row(made, row.domain, Settings(self.ctx.db.policy_version()))
        self.raw = sorted([*self.raw, (made, 0, 0, 0)])
        self.acted()

    def sign_up(self, number: int, domain: str, handle: str) -> int:
        return signup.create_account(
            self.ctx, self.now, emails.parse(f"{NAMES[number]}@{domain}"), handle=handle, name=NAMES[number].title(),
            password_hash=by.HASH, terms="1",
        )

    @rule(x=who, y=who, leaves=st.booleans())
    def deactivate(self, x: int, y: int, leaves: bool) -> None:
        """D22, D17: an admin closes an account and opens it again; meanwhile who is linked to it may leave at once."""
        row = self.row(x)
        boss = next(one for one in self.ids if one != row.id)
        self.before = self.look()
        self.now += 10
        closing.deactivate(self.ctx, row.id, self.now, by=boss)
        self.is_unknown(row)
        linked = self.world.linked(row)
        if linked and leaves:
            out = linked[y % len(linked)]
            self.now += 10
            session = by.log_in(self.ctx, out.id, self.now)
            assert linking.ask_to_leave(self.ctx, session, self.now) is None
            self.world.unlink(out)
            self.check()
            self.never_widens(True, back=True)
        closing.reactivate(self.ctx, row.id, self.now, by=boss)
        self.check()

    def is_unknown(self, row: Row) -> None:
        """D2: the account, and what leads to its profile, answer as if they had never been; links stay."""
        for one in [row, *[other for other in self.world.linked(row) if not other.silent]]:
            assert profiles.view_profile(self.ctx, ANONYMOUS, self.handle(one), self.now) is None
        self.check()

    def acted(self) -> None:
        """An owner's or admin's own act: what is seen now is what later verbs are measured by."""
        self.check()
        self.seen_now()


def refusal_of(act: Callable[[], object]) -> str | None:
    """The rule that refused, None if it was done."""
    try:
        act()
    except Refused as refused:
        return refused.rule
    return None


def wipe(ctx: Context) -> None:
    """Forget everybody; the policy log and the domains stay."""
    open_audit(ctx.db)
    with ctx.db.transaction():
        ctx.db.execute("UPDATE account SET silent = ?, link_private = ?, primary_id = NULL", (False, False))
        for table in ("proof", "login_session", "outbox", "audit", "kudos", "pair_counter", "handle", "account"):
            ctx.db.execute(f"DELETE FROM {table}")


