"""Readings of the gate: relations, findability, names, reasons, what may be chosen (D2, D5, D7, D15, S80-S82)."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from policies import hookimpl
from policies.manager import PolicyManager
from policies.terms import ANONYMOUS, Kind, Level, Reason, Relation, Settings, Subject, Veto, Viewer, Why
from policies.visibility import Gate, display_name, explain, resolve
from tests.policies.world import A_ORG, BIT, MAIL, World, X


def test_relation_to_a_subject() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    head, work, stranger = world.create(MAIL), world.create(A_ORG), world.create(MAIL)
    world.link(head, work)
    anchor, linked = world.subject(head), world.subject(work)
    primary = Viewer(head.id, head.id, False, frozenset({X}))
    managed = Viewer(work.id, head.id, True, frozenset({X}))
    relation = world.gate.relation
    assert relation(primary, anchor) is relation(primary, linked) is Relation.OWNER
    assert relation(managed, linked) is Relation.OWNER
    assert relation(managed, anchor) is Relation.INSIDER
    assert relation(Viewer(stranger.id, stranger.id), anchor) is Relation.OUTSIDER
    assert relation(ANONYMOUS, linked) is Relation.OUTSIDER
    colleague = Viewer(99, 99, True, frozenset({X}))
    assert relation(colleague, linked) is Relation.COLLEAGUE
    assert relation(colleague, anchor) is Relation.OUTSIDER


def test_d7_a_managed_session_sees_no_value_at_only_you_and_no_other_accounts_private_record() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    head, work, other = world.create(MAIL), world.create(A_ORG), world.create(MAIL)
    world.link(head, work)
    world.link(head, other)
    world.choose(head, "job_title", Level.ONLY_YOU)
    world.set_private(head, True, False)
    managed = Viewer(work.id, head.id, True, frozenset({X}))
    seen = world.gate.mask(managed, world.subject(head))
    assert not seen & (1 << BIT["email"] | 1 << BIT["job_title"])
    assert seen & 1 << BIT["stats"]
    assert world.gate.mask(managed, world.subject(other)) == 0
    assert world.gate.mask(managed, world.subject(work)) == world.gate.all


def test_nobody_is_the_owner_of_an_account_without_logging_in() -> None:
    world = World()
    row = world.create(MAIL)
    nobody = Viewer(None, row.id)
    assert world.gate.relation(nobody, world.subject(row)) is Relation.OUTSIDER
    assert world.gate.mask(nobody, world.subject(row)) == world.gate.mask(ANONYMOUS, world.subject(row))


def test_d2_d5_who_is_findable() -> None:
    world = World()
    head, row, silent = world.create(MAIL), world.create(MAIL), world.create(MAIL)
    world.link(head, row)
    world.link(head, silent, silent=True)
    find = world.gate.is_findable
    assert all(find(ANONYMOUS, world.subject(each)) for each in (head, row, silent))
    world.set_private(head, True, True)
    assert find(ANONYMOUS, world.subject(head))
    assert not find(ANONYMOUS, world.subject(row))
    assert find(ANONYMOUS, world.subject(silent))
    world.set_private(head, True, False)
    assert not find(ANONYMOUS, world.subject(head))
    assert find(Viewer(head.id, head.id), world.subject(head))
    assert find(Viewer(row.id, head.id), world.subject(row))


def test_s80_s82_the_name_shown() -> None:
    assert display_name("Sally Smith", "sally") == "Sally Smith"
    assert display_name(None, "sally") == "sally"
    assert display_name("  ", "sally") == "sally"


def test_resolve_reads_only_what_is_shown() -> None:
    world = World()
    subject = world.subject(world.create(MAIL))
    asked: list[list[str]] = []

    def read(names: object) -> dict[str, object]:
        asked.append(list(names))  # type: ignore[call-overload]
        return {"job_title": "Smith"}

    verdicts = resolve(world.gate, ANONYMOUS, subject, ["email", "job_title", "stats", "nonsense"], read)
    assert asked == [["job_title", "stats"]]
    assert {name: (v.shown, v.value) for name, v in verdicts.items()} == {
        "email": (False, None),
        "job_title": (True, "Smith"),
        "stats": (True, None),
        "nonsense": (False, None),
    }
    resolve(world.gate, ANONYMOUS, subject, ["email"], read)
    assert len(asked) == 1


def test_d15_a_verdict_says_what_decided_and_who() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    row = world.create(A_ORG)
    owner = Viewer(account_id=row.id, profile_id=row.id)

    def ask(viewer: Viewer, name: str) -> tuple[bool, Why, str]:
        verdict = resolve(world.gate, viewer, world.subject(row), [name], lambda names: dict.fromkeys(names, 1))[name]
        return verdict.shown, verdict.reason, verdict.source

    assert ask(ANONYMOUS, "nonsense") == (False, Why.UNKNOWN, "")
    assert ask(owner, "email") == (True, Why.OWNER, "owner")
    assert ask(ANONYMOUS, "email") == (False, Why.DEFAULT, "site")
    world.add("lock", f"org:{X}", BIT["job_title"], Level.ORGANIZATION)
    assert ask(ANONYMOUS, "job_title") == (False, Why.LOCKED, f"organization:{X}")
    veto = SimpleNamespace(register_vetoes=hookimpl(lambda: (Veto("shy", lambda question: ("stats",)),)))
    vetoed = Gate(PolicyManager([("shy", veto)]).compile(), [], 1)
    verdict = resolve(vetoed, ANONYMOUS, Subject(1, 1, None, Settings(1)), ["stats"], lambda names: {})["stats"]
    assert (verdict.shown, verdict.reason, verdict.source) == (False, Why.VETO, "shy")


def test_d15_reasons() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    row = world.create(A_ORG)

    def why(name: str) -> Reason:
        return explain(world.gate, world.subject(row), name)

    default = Reason("avatar", Level.ORGANIZATION, Why.DEFAULT, Kind.MANAGED, Level.ORGANIZATION)
    assert why("avatar") == default
    world.add("cell", f"org:{X}", BIT["avatar"], Level.ORGANIZATION)
    assert why("avatar") == replace(default, organization=X)
    world.choose(row, "job_title", Level.ONLY_YOU)
    assert why("job_title").why is Why.CHOSEN
    world.add("cell", "managed", BIT["email"], Level.ANYONE)
    held = why("email")
    assert (held.why, held.level, held.wanted) == (Why.HELD, Level.ONLY_YOU, Level.ANYONE)
    world.add("lock", "managed", BIT["stats"], Level.ORGANIZATION)
    assert (why("stats").why, why("stats").organization) == (Why.LOCKED, None)
    world.add("lock", f"org:{X}", BIT["stats"], Level.ONLY_YOU)
    assert (why("stats").why, why("stats").organization) == (Why.LOCKED, X)
    world.set_private(row, True, True)
    assert why("job_title").why is Why.PRIVATE
    assert why("avatar").why is Why.DEFAULT
    world.set_private(row, True, False)
    assert why("avatar").why is Why.PRIVATE


def test_d15_explaining_decides_nothing() -> None:
    world = World()
    for domain in (MAIL, A_ORG):
        subject = world.subject(world.create(domain))
        for name, level in world.gate.levels(subject).items():
            assert explain(world.gate, subject, name).level is level
    assert explain(world.gate, subject, "nonsense").level is Level.ONLY_YOU


def test_s77_s81_what_may_be_chosen() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    personal, managed = (world.subject(world.create(domain)) for domain in (MAIL, A_ORG))
    choosable = world.gate.choosable
    assert choosable(personal, "stats") == (Level.ONLY_YOU, Level.ANYONE)
    assert choosable(managed, "stats") == tuple(Level)
    assert choosable(personal, "full_name") == ()
    assert choosable(managed, "full_name") == tuple(Level)
    assert choosable(managed, "nonsense") == ()
    assert world.gate.ceiling(managed, "stats") is Level.ANYONE
    assert world.gate.ceiling(managed, "nonsense") is Level.ONLY_YOU
