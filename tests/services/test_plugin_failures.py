"""What of a plugin's failures is counted and since when: forgetting them, three new chances, other workers, races."""

from __future__ import annotations

import json
import threading

import pytest

from policies.errors import NotFound
from policies.isolation import OVERRUNS, Isolation
from policies.terms import Question
from tests.conftest import NOW
from tests.factories import make_account
from tests.plugged import Clock, plug
from tests.services.test_plugins import admin, facts_of, seen, veto
from webapp.services import admin_overview, plugins
from webapp.services.context import Context
from webapp.services.plugins import PluginView


def broken(question: Question) -> tuple[str, ...]:
    raise RuntimeError


def of(site: Context) -> PluginView:
    return plugins.find(site, "mine", {})


def troubles(site: Context) -> list[tuple[str, int]]:
    return [(one.name, one.count) for one in admin_overview.view_overview(site, NOW).troubles]


def late_once(site: Context, now: int) -> None:
    facts_of(site)
    plugins.flush(site, now)


@pytest.fixture
def slow(ctx):
    """Two workers of a site with a veto that is late, and the session of an admin."""
    clock = Clock()

    def ask(question: Question) -> tuple[str, ...]:
        clock.at += 1
        return ()

    make_account(ctx.db, location="Lisbon")
    one, other = (plug(ctx, ("mine", veto(ask, about=("location",))), clock=clock) for _ in range(2))
    return one, other, admin(ctx)


def test_a_count_says_since_when_and_when_last(ctx):
    make_account(ctx.db, location="Lisbon")
    site = plug(ctx, ("mine", veto(broken)))
    assert (of(site).errors, of(site).first_at, of(site).last_at) == (0, None, None)
    for at in (NOW, NOW + 60, NOW + 120):
        facts_of(site)
        plugins.flush(site, at)
    assert (of(site).errors, of(site).first_at, of(site).last_at) == (3, NOW, NOW + 120)


def test_the_overview_counts_what_is_reported_and_what_is_not_yet_and_nothing_twice(ctx):
    make_account(ctx.db, location="Lisbon")
    site = plug(ctx, ("mine", veto(broken)))
    facts_of(site)
    plugins.flush(site, NOW)
    assert troubles(site) == [("mine", 1)]
    facts_of(site)
    assert troubles(site) == [("mine", 2)]


def test_the_overview_names_no_plugin_that_is_gone_or_turned_off_and_one_that_overran(slow):
    one, other, session = slow
    for number in range(OVERRUNS):
        late_once(one, NOW + number)
    assert troubles(other) == [("mine", OVERRUNS)]
    assert troubles(plug(one)) == [], "it is not installed any more: nobody asks it, nobody could forget it"
    plugins.switch(one, session, "mine", False, NOW + 9)
    assert troubles(other) == []
    assert of(other).errors == OVERRUNS, "its own page still tells"


def test_forgotten_failures_are_gone_in_every_worker_and_count_from_nothing(ctx):
    make_account(ctx.db, location="Lisbon")
    one, other = (plug(ctx, ("mine", veto(broken, about=("location",)))) for _ in range(2))
    for site in (one, other):
        facts_of(site)
        plugins.flush(site, NOW)
    facts_of(other)         # noted by the other worker and reported by nobody
    assert plugins.forget_failures(one, admin(ctx), "mine", NOW + 1)
    assert troubles(one) == troubles(plug(ctx)) == []
    assert (of(one).errors, of(one).first_at, of(one).last_error) == (0, None, "")
    plugins.flush(other, NOW + 60)
    assert of(one).errors == 0, "what was noted before is not counted after"
    assert facts_of(other) == {}, "forgetting decides nothing: the plugin is on and goes on hiding"
    plugins.flush(other, NOW + 70)
    assert (of(one).errors, of(one).first_at, of(one).state) == (1, NOW + 70, "on")
    assert troubles(other) == [("mine", 1)]


def test_a_worker_that_reports_late_and_looks_at_the_site_first_adds_nothing_either(ctx):
    make_account(ctx.db, location="Lisbon")
    one, other = (plug(ctx, ("mine", veto(broken))) for _ in range(2))
    facts_of(one)
    plugins.flush(one, NOW)
    facts_of(other)
    plugins.forget_failures(one, admin(ctx), "mine", NOW)
    facts_of(other)         # sees that they are forgotten, and fails once more
    plugins.flush(other, NOW + 60)
    assert of(one).errors == 1


def test_forgetting_is_audited_once_and_an_unknown_plugin_is_not_found(ctx):
    make_account(ctx.db, location="Lisbon")
    site, session = plug(ctx, ("mine", veto(broken))), admin(ctx)
    facts_of(site)          # not reported yet: forgotten and told all the same
    assert plugins.forget_failures(site, session, "mine", NOW)
    assert not plugins.forget_failures(site, session, "mine", NOW), "nothing is left to forget"
    with pytest.raises(NotFound):
        plugins.forget_failures(site, session, "nobody", NOW)
    rows = ctx.db.rows("SELECT actor_id, detail FROM audit WHERE event = 'plugin:forget'")
    assert [row[0] for row in rows] == [session.account_id]
    told = json.loads(rows[0][1])
    assert (told["plugin"], told["failures"], told["overruns"]) == ("mine", 1, 0)
    assert "RuntimeError" in told["last"]


def test_t99_on_again_gives_three_new_chances_in_every_worker(slow):
    one, other, session = slow
    for number, site in enumerate((one, other, one)):
        late_once(site, NOW + number)
    assert of(other).state == "closed"
    plugins.switch(other, session, "mine", True, NOW + 10)
    assert (of(one).overruns, of(one).errors, of(one).state) == (0, 0, "on")
    for number, site in enumerate((other, one)):
        late_once(site, NOW + 20 + number)
        assert of(one).state == "on"
    late_once(other, NOW + 30)
    assert of(one).state == "closed"
    assert of(one).overruns == OVERRUNS


def test_t99_off_keeps_the_count_that_on_begins_anew(slow):
    one, other, session = slow
    late_once(one, NOW)
    late_once(other, NOW)
    plugins.switch(one, session, "mine", False, NOW + 1)
    assert (of(one).state, of(one).overruns) == ("off", 2)
    plugins.switch(one, session, "mine", True, NOW + 2)
    assert (of(one).state, of(one).overruns) == ("on", 0)


def test_t99_an_answer_that_was_late_before_the_switch_takes_no_new_chance(slow):
    one, other, session = slow
    for _ in range(OVERRUNS):
        facts_of(other)     # late three times, and not reported yet
    plugins.switch(one, session, "mine", False, NOW)
    plugins.switch(one, session, "mine", True, NOW)
    plugins.flush(other, NOW)
    assert (of(one).state, of(one).overruns) == ("on", 0)
    assert facts_of(other) == {}
    plugins.flush(other, NOW + 1)
    assert of(one).overruns == 1


def test_forgetting_gives_three_chances_and_leaves_a_plugin_that_is_out_out(slow):
    one, other, session = slow
    late_once(one, NOW)
    late_once(other, NOW)
    plugins.forget_failures(one, session, "mine", NOW)
    late_once(other, NOW)
    late_once(one, NOW)
    assert (of(one).state, of(one).overruns) == ("on", 2)
    late_once(other, NOW)
    assert of(one).state == "closed"
    plugins.forget_failures(one, session, "mine", NOW)
    assert (of(one).state, of(one).shuts, of(one).overruns) == ("closed", True, 0)
    assert facts_of(other) == {}, "its veto goes on hiding"


def test_reports_and_forgetting_at_once_end_without_an_error(ctx):
    make_account(ctx.db, location="Lisbon")
    session = admin(ctx)
    workers = [plug(ctx, ("mine", veto(broken))) for _ in range(3)]
    went_wrong: list[BaseException] = []

    def work(site: Context, number: int) -> None:
        try:
            for at in range(12):
                seen(site)
                if number:
                    plugins.flush(site, NOW + 10 * at)
                else:
                    plugins.forget_failures(site, session, "mine", NOW + at)
        except BaseException as error:
            went_wrong.append(error)
        finally:
            site.db.close()

    threads = [threading.Thread(target=work, args=(site, number)) for number, site in enumerate(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert went_wrong == []
    plugins.forget_failures(workers[0], session, "mine", NOW)
    for site in workers:
        plugins.flush(site, NOW + 1000)
    assert of(workers[1]).errors == 0


def test_the_number_of_failures_of_a_process_never_goes_down():
    """Who compares it before and after sees each failure, also where an admin forgets some in between."""
    isolation = Isolation()
    isolation.failed("mine", "it failed")
    isolation.count_from({"mine": 7})
    assert (isolation.total, isolation.errors, isolation.has_news) == (1, {}, False)
    isolation.failed("mine", "it failed")
    isolation.count_from({"mine": 7})
    assert (isolation.total, isolation.errors["mine"].count) == (2, 1)
