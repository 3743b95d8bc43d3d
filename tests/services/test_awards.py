"""Badges given by rules: rehearsed, started, given once, kept, shown with what they tell about, retired, taken back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from policies.errors import Invalid, NotFound, Refused
from policies.extending import BadgeRule, Facts
from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.plugged import plug, plugin
from tests.services.people import statements
from webapp.services import awards, kudos, kudos_digest, plugins, profiles
from webapp.services.sessions import Session
from webapp.services.views import ProfileView
from webapp.store import awards as store
from webapp.store import kudos as kudos_store


def met(facts: Facts) -> bool:
    return facts.totals["answers"] > 5 and facts.values == {}


RULES = (
    BadgeRule("ten-answers", "Ten answers", metric="answers", at=10),
    BadgeRule("seen-much", "Seen much", meets=met, keeps=False, needs=("stats",)),
    BadgeRule("one-year", "One year", years=1),
)
MINE = plugin(register_badge_rules=lambda: RULES)


@pytest.fixture
def site(ctx):
    return plug(ctx, ("mine", MINE))


@pytest.fixture
def session(ctx) -> Session:
    account = make_account(ctx.db, "root", is_admin=True)
    return Session("raw", "id", account, "root", True, NOW, NOW, Viewer(account, account))


def badges(site, handle: str = "sally", viewer: Viewer = ANONYMOUS) -> list[str]:
    view = profiles.view_profile(site, viewer, handle, NOW)
    assert isinstance(view, ProfileView)
    return [badge.item for badge in view.badges]


def mails(site) -> list[tuple[str, str, str]]:
    return site.db.rows("SELECT recipient, subject, body FROM outbox ORDER BY id")


def begin(site, session, key: str, mode: str = "silent") -> None:
    awards.rehearse(site, session, key, NOW)
    awards.start(site, session, key, mode, NOW)


def rule_of(site, key: str) -> awards.RuleView:
    return next(rule for rule in awards.open_page(site) if rule.key == key)


def test_a_rehearsal_counts_and_gives_nothing(site, session):
    make_account(site.db, answers=12)
    make_account(site.db, "mo", answers=3)
    with pytest.raises(Refused, match="Rehearse"):
        awards.start(site, session, "ten-answers", "silent", NOW)
    awards.rehearse(site, session, "ten-answers", NOW)
    found = rule_of(site, "ten-answers")
    assert (found.state, found.rehearsal.gained, found.rehearsal.lost, found.holders) == ("waiting", 1, 0, 0)
    assert badges(site) == []
    awards.nightly(site, NOW)
    awards.work(site, NOW)
    assert badges(site) == [], "a new rule gives nothing by itself"


def test_a_rule_gives_once_and_every_night_to_whom_is_new(site, session):
    make_account(site.db, answers=12)
    mo = make_account(site.db, "mo", answers=3)
    begin(site, session, "ten-answers")
    assert badges(site) == ["rule:ten-answers"]
    for _ in range(2):
        awards.nightly(site, NOW + 86_400)
        awards.work(site, NOW + 86_400)
    assert site.db.rows("SELECT at, events FROM held WHERE item = 'rule:ten-answers'") == [(NOW, 1)]
    site.db.execute("UPDATE counter SET answers = 10 WHERE account_id = ?", (mo,))
    awards.nightly(site, NOW + 90_000)
    awards.work(site, NOW + 90_000)
    assert badges(site, "mo") == ["rule:ten-answers"]
    site.db.execute("UPDATE counter SET answers = 0 WHERE account_id = ?", (mo,))
    awards.nightly(site, NOW + 99_000)
    awards.work(site, NOW + 99_000)
    assert badges(site, "mo") == ["rule:ten-answers"], "it has a memory"


def test_a_rule_that_does_not_keep_takes_back_and_the_rehearsal_says_who_loses(site, session):
    sally = make_account(site.db, answers=12)
    begin(site, session, "seen-much")
    assert badges(site) == ["rule:seen-much"]
    site.db.execute("UPDATE counter SET answers = 1 WHERE account_id = ?", (sally,))
    awards.rehearse(site, session, "seen-much", NOW)
    assert rule_of(site, "seen-much").rehearsal.lost == 1
    awards.nightly(site, NOW)
    awards.work(site, NOW)
    assert badges(site) == []


def test_a_badge_shows_only_with_the_sections_that_it_tells_about(site, session):
    bit = site.gate().bit
    for name in ("stats", "badges", "activity", "kudos"):
        make_account(site.db, name, answers=12, chosen=1 << bit[name], member_since=NOW - 400 * 86_400)
    for key in ("ten-answers", "one-year"):
        begin(site, session, key)
    shown = {name: sorted(badges(site, name)) for name in ("stats", "badges", "activity", "kudos")}
    assert shown == {
        "stats": ["rule:one-year"], "badges": [], "activity": ["rule:ten-answers"],
        "kudos": ["rule:one-year", "rule:ten-answers"],
    }


def test_anniversaries_come_on_their_day(site, session):
    first = int(datetime(2024, 2, 29, 12, tzinfo=UTC).timestamp())
    assert datetime.fromtimestamp(awards.anniversary(first, 1), UTC).date().isoformat() == "2025-03-01"
    assert datetime.fromtimestamp(awards.anniversary(first, 4), UTC).date().isoformat() == "2028-02-29"
    make_account(site.db, member_since=NOW - 365 * 86_400 - 1)
    make_account(site.db, "mo", member_since=NOW - 364 * 86_400)
    begin(site, session, "one-year")
    assert (badges(site), badges(site, "mo")) == (["rule:one-year"], [])


def test_s51_a_link_changes_no_badge_and_the_profile_shows_the_union(site, session):
    sally, work = make_account(site.db, answers=6), make_account(site.db, "work", answers=12)
    link(site.db, work, sally)
    begin(site, session, "ten-answers")
    assert site.db.rows("SELECT account_id FROM held WHERE item = 'rule:ten-answers'") == [(work,)]
    assert badges(site) == ["rule:ten-answers"]


def test_a_badge_taken_back_is_not_given_again(site, session):
    make_account(site.db, answers=12)
    begin(site, session, "ten-answers")
    awards.revoke(site, session, "ten-answers", "sally", NOW)
    awards.nightly(site, NOW)
    awards.work(site, NOW)
    assert badges(site) == []
    with pytest.raises(Invalid):
        awards.revoke(site, session, "ten-answers", "sally", NOW)
    with pytest.raises(Invalid):
        awards.revoke(site, session, "ten-answers", "no-body", NOW)
    with pytest.raises(NotFound):
        awards.revoke(site, session, "no-rule", "sally", NOW)
    awards.revoke(site, session, "ten-answers", "sally", NOW, back=True)
    awards.nightly(site, NOW)
    awards.work(site, NOW)
    assert badges(site) == ["rule:ten-answers"]


def test_a_retired_rule_keeps_its_badges_and_marks_them(ctx, site, session):
    make_account(site.db, answers=12)
    begin(site, session, "ten-answers")
    gone = plug(ctx)
    view = profiles.view_profile(gone, ANONYMOUS, "sally", NOW)
    assert [(badge.item, badge.retired) for badge in view.badges] == [("rule:ten-answers", True)]
    assert awards.open_page(gone)[0].state == "retired"
    with pytest.raises(Refused):
        awards.rehearse(gone, session, "ten-answers", NOW)
    back = plug(ctx, ("mine", MINE))
    view = profiles.view_profile(back, ANONYMOUS, "sally", NOW)
    assert [badge.retired for badge in view.badges] == [False]
    assert rule_of(back, "ten-answers").state == "waiting"
    site.db.execute("UPDATE account SET chosen = ? WHERE handle = 'sally'", (1 << gone.gate().bit["stats"],))
    assert badges(gone) == [], "what it tells about is remembered"


@pytest.mark.parametrize(("mode", "told"), [("silent", 0), ("announced", 1)])
def test_a_back_fill_is_silent_or_announced(ctx, session, mode, told):
    heard = []
    mine = plugin(
        register_badge_rules=lambda: RULES, award_given=lambda profile, badge: heard.append((profile, badge)),
    )
    site = plug(ctx, ("mine", mine))
    make_account(site.db, answers=12)
    begin(site, session, "ten-answers", mode)
    assert heard == [("acc-sally", "ten-answers")] * told
    awards.nightly(site, NOW)
    awards.work(site, NOW)
    assert len(heard) == told, "told once"
    assert kudos_digest.tell_due(site, NOW) == told
    assert len(mails(site)) == told


def test_members_hear_of_all_their_new_badges_in_one_mail(site, session):
    make_account(site.db, answers=12, member_since=NOW - 800 * 86_400)
    for key in ("ten-answers", "seen-much", "one-year"):
        begin(site, session, key, "announced")
    awards.revoke(site, session, "seen-much", "sally", NOW)
    make_account(site.db, "late", answers=12)
    make_account(site.db, "asleep", answers=12, state="unclaimed")
    awards.nightly(site, NOW)
    awards.work(site, NOW)
    assert kudos_digest.tell_due(site, NOW) == 2
    (to, subject, body), (other, one, _) = sorted(mails(site), key=lambda mail: mail[0] != "sally@home.example")
    assert (to, subject) == ("sally@home.example", "2 new badges for you at Vitrine")
    assert body.index("- One year") < body.index("- Ten answers")
    assert "Seen much" not in body
    assert f"{site.site.base_url}/u/sally/badges" in body
    assert "switch this mail off" in body
    assert (other, one) == ("late@home.example", "2 new badges for you at Vitrine")
    assert kudos_digest.tell_due(site, NOW) == 0
    assert site.db.rows("SELECT * FROM award_waiting") == []


def test_kudos_and_badges_of_a_day_are_one_mail_and_whoever_wants_none_gets_none(site, session):
    make_account(site.db, answers=12)
    quiet = make_account(site.db, "quiet", answers=12)
    kudos_store.set_mute(site.db, quiet, NOW)
    words = {"category": "answer", "message": "Thank you"}
    for handle in ("sally", "quiet"):
        kudos.give(site, session, handle, words, NOW)
    begin(site, session, "ten-answers", "announced")
    assert kudos_digest.tell_due(site, NOW) == 1
    ((to, subject, body),) = mails(site)
    assert (to, subject) == ("sally@home.example", "Kudos and a new badge for you at Vitrine")
    assert "gave kudos" in body
    assert "- Ten answers" in body
    assert "Thank you" not in body


def test_the_worker_goes_on_where_it_was_and_shows_how_far_it_is(site, session, monkeypatch):
    monkeypatch.setattr(awards, "BATCH", 2)
    monkeypatch.setattr(awards, "AT_ONCE", 1)
    for number in range(7):
        make_account(site.db, f"member{number}", answers=12)
    awards.rehearse(site, session, "ten-answers", NOW)
    assert rule_of(site, "ten-answers").rehearsal.percent == 25
    with pytest.raises(Refused):
        awards.start(site, session, "ten-answers", "silent", NOW)
    awards.work(site, NOW)
    awards.start(site, session, "ten-answers", "silent", NOW)
    awards.work(site, NOW, 1)
    assert rule_of(site, "ten-answers").run.percent == 50
    awards.work(site, NOW)
    found = rule_of(site, "ten-answers")
    assert (found.run.is_done, found.run.gained, found.holders) == (True, 7, 7)


def test_a_worker_in_the_middle_of_a_run_does_not_bring_it_back_to_life(site, session, monkeypatch):
    """The admin ends it, or another process goes on with it, while a batch is on its way."""
    monkeypatch.setattr(awards, "BATCH", 2)
    monkeypatch.setattr(awards, "AT_ONCE", 0)
    for number in range(5):
        make_account(site.db, f"member{number}", answers=12)
    awards.rehearse(site, session, "ten-answers", NOW)
    slow = store.load_unfinished(site.db)[0]
    assert awards._step(site, slow, NOW).done == 2
    other = awards._step(site, slow, NOW)
    assert (other.done, other.gained) == (2, rule_of(site, "ten-answers").rehearsal.gained), "counted once"
    awards.rehearse(site, session, "ten-answers", NOW)
    assert awards._step(site, other, NOW).finished_at is not None
    assert [run.id for run in store.load_unfinished(site.db)] == [slow.id + 1]


def test_t69_an_account_that_is_deleted_while_the_rule_is_asked_gets_no_badge(ctx, session):
    def meets(facts: Facts) -> bool:
        ctx.db.execute("UPDATE account SET state = 'deleted' WHERE handle = 'sally'")
        return True

    site = plug(ctx, ("mine", plugin(register_badge_rules=lambda: (BadgeRule("all", "All", meets=meets),))))
    begin(site, session, "all")
    make_account(site.db)
    awards.nightly(site, NOW)
    awards.work(site, NOW)
    assert site.db.rows("SELECT a.handle FROM held h JOIN account a ON a.id = h.account_id") == [("root",)]


def test_d14_a_rule_that_fails_gives_and_takes_nothing(ctx, session):
    def broken(facts: Facts) -> bool:
        raise RuntimeError

    rules = (BadgeRule("odd", "Odd", meets=broken), BadgeRule("nonsense", "Nonsense", meets=lambda facts: "yes"))
    site = plug(ctx, ("mine", plugin(register_badge_rules=lambda: rules)))
    make_account(site.db)
    for key in ("odd", "nonsense"):
        begin(site, session, key)
        assert (rule_of(site, key).run.failed, rule_of(site, key).holders) == (2, 0)
    assert site.manager.errors["mine"].count == 8


def test_a_rule_is_off_with_its_plugin(site, session):
    make_account(site.db, answers=12)
    awards.rehearse(site, session, "ten-answers", NOW)
    plugins.switch(site, session, "mine", False, NOW)
    with pytest.raises(Refused):
        awards.start(site, session, "ten-answers", "silent", NOW)
    assert rule_of(site, "ten-answers").state == "retired"


@pytest.mark.parametrize("rule", [
    BadgeRule("two", "Two kinds", metric="answers", at=1, years=1), BadgeRule("none", "None"),
    BadgeRule("zero", "Zero", metric="answers"), BadgeRule("", "No key", years=1), BadgeRule("a b", "Space", years=1),
    BadgeRule("unknown", "Unknown", metric="no_such_metric", at=1), BadgeRule("needs", "Needs", years=1, needs=("x",)),
])
def test_a_rule_that_makes_no_sense_stops_the_start(ctx, rule):
    from policies.errors import ConfigError

    with pytest.raises(ConfigError, match="mine"):
        plug(ctx, ("mine", plugin(register_badge_rules=lambda: (rule,))))


def test_holders_are_counted_off_an_index_of_the_badges_of_rules_alone(sqlite_ctx):
    site = plug(sqlite_ctx, ("mine", MINE))
    for number in range(3):
        held = make_account(site.db, f"m{number}")
        assert store.give(site.db, held, "one-year", "One year", NOW)
    site.db.execute(
        "INSERT INTO held(account_id, kind, item, title, url, at, events, retired)"
        " VALUES (?,'course','rule:x','','',1,1,?)", (held, False),
    )
    with statements(site.db) as seen:
        assert store.count_holders(site.db) == {"one-year": 3}
    (sql,) = seen
    plan = " ".join(row[3] for row in site.db.rows(f"EXPLAIN QUERY PLAN {sql}"))
    assert plan == "SCAN held USING COVERING INDEX held_by_rule"
