"""Who stands behind an access token, and every way in which a consent ends."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from policies.terms import ALL, Settings, Subject
from tests.conftest import NOW
from tests.factories import make_account, make_organization
from tests.services.appmaker import give, make_app
from tests.services.people import BIT
from webapp.services import grants, recovery, tokens
from webapp.services.grants import Bearer


def test_a_live_token_names_app_member_scopes_and_ticks(ctx):
    sally = make_account(ctx.db)
    app = make_app(ctx.db, sally, fields=0b1100)
    token = give(ctx.db, app, sally, ticked=0b0111)
    bearer = grants.authenticate(ctx, token, NOW)
    assert bearer == Bearer(
        app, "community", None, sally, frozenset({"profiles:read", "me:read"}), 0b0100, bearer.grant_id)
    assert grants.authenticate(ctx, token, NOW + 3599) is not None
    assert grants.authenticate(ctx, token, NOW + 3600) is None
    for nonsense in ("", "x", token[:-1], token + "a", "x" * 101, tokens.digest(token)):
        assert grants.authenticate(ctx, nonsense, NOW) is None


def test_ticks_and_scopes_are_cut_to_what_the_app_still_may(ctx):
    sally = make_account(ctx.db)
    app = make_app(ctx.db, sally, fields=0b1)
    token = give(ctx.db, app, sally, "profiles:read me:read activities:write", ticked=0b1)
    assert grants.authenticate(ctx, token, NOW).scopes == {"profiles:read", "me:read"}      # no source: writes nothing
    ctx.db.execute("UPDATE app SET scopes = 'profiles:read'")
    bearer = grants.authenticate(ctx, token, NOW)
    assert (bearer.scopes, bearer.ticked) == ({"profiles:read"}, 0)


ENDS = (
    "UPDATE app SET disabled_at = 5", "UPDATE account SET state = 'deactivated'",
    "UPDATE account SET state = 'closing'",
    "UPDATE account SET email_verified_at = NULL, email = NULL, email_key = NULL WHERE handle = 'sally'",
    "UPDATE account SET state = 'deactivated' WHERE handle = 'owner'", "UPDATE app SET owner_id = NULL",
    "DELETE FROM app_grant", "DELETE FROM app", "DELETE FROM oauth_family", "UPDATE oauth_family SET expires_at = 5",
)


class Undo(Exception):
    """Takes a transaction back."""


def test_t94_a_token_is_dead_on_the_next_call(ctx):
    """Revoked, app switched off or gone, member or owner of the app deactivated: I9."""
    sally, owner = make_account(ctx.db), make_account(ctx.db, "owner")
    token = give(ctx.db, make_app(ctx.db, owner), sally)
    for end in ENDS:
        assert grants.authenticate(ctx, token, NOW) is not None
        with suppress(Undo), ctx.db.transaction():
            ctx.db.execute(end)
            assert grants.authenticate(ctx, token, NOW) is None, end
            raise Undo


def test_an_organization_app_lives_as_long_as_its_organization(ctx):
    acme = make_organization(ctx.db)
    app = make_app(ctx.db, None, organization=acme)
    token = give(ctx.db, app, None, "profiles:read")
    assert grants.authenticate(ctx, token, NOW) == Bearer(
        app, "organization", acme, None, frozenset({"profiles:read"}), 0, None)
    ctx.db.execute("UPDATE organization SET removed_at = 5")
    assert grants.authenticate(ctx, token, NOW) is None


def test_last_use_is_kept_to_the_minute(ctx):
    sally = make_account(ctx.db)
    token = give(ctx.db, make_app(ctx.db, sally), sally)
    for moment in (NOW + 7, NOW + 20, NOW + 300):
        grants.authenticate(ctx, token, moment)
    (used,), = ctx.db.rows("SELECT used_at FROM app_grant")
    assert used == NOW + 300 - (NOW + 300) % 60


def test_t2_a_reset_revokes_every_token(ctx):
    sally, other = make_account(ctx.db), make_account(ctx.db, "other")
    app = make_app(ctx.db, other)
    hers, theirs = give(ctx.db, app, sally), give(ctx.db, app, other)
    token = tokens.issue(ctx, "reset", NOW, email_key="sally@home.example", account_id=sally)
    recovery.finish_reset(ctx, NOW, tokens.digest(token), "twelve green bottles")
    assert grants.authenticate(ctx, hers, NOW) is None
    assert grants.authenticate(ctx, theirs, NOW) is not None
    assert ctx.db.rows("SELECT COUNT(*) FROM oauth_token") == [(1,)]
    assert ("app:revoke_all", sally) in ctx.db.rows("SELECT event, subject_id FROM audit")


def test_revoking_ends_one_app_and_is_audited(ctx):
    sally = make_account(ctx.db)
    one, two = make_app(ctx.db, sally), make_app(ctx.db, sally, "Other")
    dead, alive = give(ctx.db, one, sally), give(ctx.db, two, sally)
    assert grants.revoke(ctx, sally, one, NOW)
    assert not grants.revoke(ctx, sally, one, NOW)
    assert grants.authenticate(ctx, dead, NOW) is None
    assert grants.authenticate(ctx, alive, NOW) is not None
    assert [row[0] for row in ctx.db.rows("SELECT event FROM audit WHERE event = 'app:revoke'")] == ["app:revoke"]


def test_d16_narrowing_clears_the_tick_in_every_consent(ctx):
    sally, other = make_account(ctx.db), make_account(ctx.db, "other")
    app = make_app(ctx.db, sally, fields=ALL)
    hers, theirs = give(ctx.db, app, sally, ticked=0b110), give(ctx.db, app, other, ticked=0b110)
    grants.clear_ticks(ctx, sally, 0b010)
    assert grants.authenticate(ctx, hers, NOW).ticked == 0b100
    assert grants.authenticate(ctx, theirs, NOW).ticked == 0b110


def test_a_tick_opens_nothing_past_private_lock_or_veto(sqlite_ctx):
    gate = sqlite_ctx.gate()
    subject = Subject(1, 1, None, Settings(gate.version, ALL, 0, 0))        # chose Only you everywhere
    assert grants.open_to_ticks(gate, subject) == gate.record_mask
    assert grants.open_to_ticks(gate, replace(subject, private=True)) == gate.name_and_picture
    assert grants.open_to_ticks(gate, replace(subject, private=True, keep_name=False)) == 0
    gate._vetoes = (*gate._vetoes, ("no mail", lambda question: 1 << BIT["email"]))
    assert grants.open_to_ticks(gate, subject) == gate.record_mask & ~(1 << BIT["email"])


def test_what_is_over_is_swept(ctx):
    sally = make_account(ctx.db)
    app = make_app(ctx.db, sally)
    give(ctx.db, app, sally)
    grants.sweep(ctx, NOW + 3599)
    assert ctx.db.rows("SELECT COUNT(*) FROM oauth_token") == [(1,)]
    grants.sweep(ctx, NOW + 3600)
    assert ctx.db.rows("SELECT COUNT(*) FROM oauth_token") == [(0,)]
    assert ctx.db.rows("SELECT COUNT(*) FROM oauth_family") == [(1,)]
    grants.sweep(ctx, NOW + 30 * 86_400)
    assert ctx.db.rows("SELECT COUNT(*) FROM oauth_family") == [(0,)]
