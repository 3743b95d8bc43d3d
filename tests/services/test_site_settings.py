"""The site's name, header links and terms: typed, checked, audited, seen by every process at its next look."""

from __future__ import annotations

import pytest

from policies.errors import Conflict, Invalid
from tests.conftest import NOW
from tests.factories import make_account
from webapp.app import open_context
from webapp.services import mailer, sessions, site_settings
from webapp.services.context import Context
from webapp.services.light_text import Span, blocks_of
from webapp.services.sessions import Session


@pytest.fixture
def boss(ctx: Context) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW), NOW)
    assert session is not None
    return session


def test_another_process_sees_a_change_by_its_next_look(ctx: Context, boss: Session) -> None:
    other = Context(db=ctx.db, manager=ctx.manager, site=ctx.site)
    assert site_settings.current(other).name == ""
    site_settings.save_name(ctx, boss, "  The  Gallery ", NOW)
    assert site_settings.current(other).name == "The Gallery"
    assert other.site_name == "The Gallery"
    site_settings.save_name(ctx, boss, "", NOW)
    assert site_settings.current(other).name == ""
    assert other.site_name == ctx.site.name
    notes = ctx.db.rows("SELECT detail FROM audit WHERE event = 'site:name' ORDER BY id")
    assert notes == [('{"after": "The Gallery", "before": ""}',), ('{"after": "", "before": "The Gallery"}',)]


def test_mails_carry_the_name_that_was_set(ctx: Context, boss: Session) -> None:
    site_settings.save_name(ctx, boss, "The Gallery", NOW)
    ctx.settings()
    mailer.queue(ctx, "ann@home.example", "not_usable", NOW)
    assert "The Gallery" in str(ctx.db.rows("SELECT subject, body FROM outbox"))


@pytest.mark.parametrize("name", ["x" * 41, "a\u202eb", "<b>", 'a"b'])
def test_a_name_that_cannot_stand_in_a_header_is_refused(ctx: Context, boss: Session, name: str) -> None:
    with pytest.raises(Invalid):
        site_settings.save_name(ctx, boss, name, NOW)
    assert site_settings.current(ctx).name == ""


def test_links_lead_to_pages_of_the_site_or_the_web_and_nowhere_else(ctx: Context, boss: Session) -> None:
    rows = [("People", "/people"), ("", ""), ("Forum", "forum.example.com/top")]
    site_settings.save_links(ctx, boss, rows, NOW)
    assert site_settings.current(ctx).links == (("People", "/people"), ("Forum", "https://forum.example.com/top"))
    for row in (("x", "//evil.example"), ("x", "/\\evil"), ("x", "javascript:alert(1)"), ("x", ""), ("", "/people")):
        with pytest.raises(Invalid) as invalid:
            site_settings.save_links(ctx, boss, [("Ok", "/ok"), row], NOW)
        assert set(invalid.value.errors) <= {"url-1", "label-1"}
    assert len(site_settings.current(ctx).links) == 2


def test_terms_are_set_against_the_version_one_began_from(ctx: Context, boss: Session) -> None:
    site_settings.save_terms(ctx, boss, "# Be kind\r\n\r\nAlways.", "2025-06", "1", NOW)
    terms = site_settings.view_terms(ctx)
    assert terms.version == "2025-06"
    assert [block.kind for block in terms.blocks] == ["heading", "paragraph"]
    with pytest.raises(Conflict):
        site_settings.save_terms(ctx, boss, "Other words", "2025-07", "1", NOW)
    assert site_settings.current(ctx).terms_text == "# Be kind\n\nAlways."
    with pytest.raises(Invalid) as invalid:
        site_settings.save_terms(ctx, boss, "x\u200by" * 30_000, "", "2025-06", NOW)
    assert set(invalid.value.errors) == {"terms", "version"}


def test_what_somebody_wrote_past_the_program_is_left_out(ctx: Context, boss: Session) -> None:
    ctx.db.execute("INSERT INTO site_setting(key, value) VALUES ('header_links', '{nonsense')")
    ctx.db.execute("UPDATE policy_state SET version = version + 1")
    assert site_settings.current(ctx).links == ()


def test_light_text_makes_blocks_and_links_and_never_html() -> None:
    text = (
        "# One\n## Two\npara\ngoes on [here](https://a.example/x) and [bad](javascript:x)\n\n"
        "- a\n  b\n* [c](/terms)\n<b>"
    )
    blocks = blocks_of(text)
    assert [block.kind for block in blocks] == ["heading", "smaller", "paragraph", "list"]
    assert blocks[2].lines == ((Span("para goes on "), Span("here", "https://a.example/x"),
                                Span(" and [bad](javascript:x)")),)
    assert blocks[3].lines == ((Span("a b"),), (Span("c", "/terms"), Span(" <b>")))
    assert blocks_of("") == ()
    assert blocks_of("[x](//evil.example) [y](/\\evil)")[0].lines == ((Span("[x](//evil.example) [y](/\\evil)"),),)


def test_an_opened_context_starts_with_what_is_stored(ctx: Context, boss: Session, config: object) -> None:
    site_settings.save_name(ctx, boss, "The Gallery", NOW)
    assert open_context(config, ctx.db).site_name == "The Gallery"  # type: ignore[arg-type]
