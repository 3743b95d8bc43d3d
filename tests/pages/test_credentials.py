"""Published badges as Open Badges 3.0, checked by openbadgeslib, which is not ours: signature, key, status (T53)."""

from __future__ import annotations

import base64
import json
import stat
import threading
import time
from dataclasses import replace as changed
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from openbadgeslib.ob3 import OB3VerificationError, OB3Verifier, OpenBadgeCredential
from openbadgeslib.ob3.status import decode_encoded_list

from plugins import open_badges
from policies.errors import ConfigError, Refused
from policies.extending import CredentialForm
from policies.terms import Question, Veto
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.pages.linking_samples import ACME, OLD, Browser, ctx, sally
from tests.plugged import plug, plugin, serve
from tests.services.linkers import log_in
from tests.services.people import choose, holds, set_columns
from webapp.services import closing, credentials, issuer_key
from webapp.store import credentials as store
from webapp.store import plugins as plugins_store
from webapp.store import policy

__all__ = ["ctx", "sally"]

BADGE = "answers-25"
PAGE = "/u/sally/badges"
ADDRESS = f"{PAGE}/{BADGE}/credential"
DID = "did:web:localhost"


@pytest.fixture
def clock() -> int:
    """Today: who verifies a status list looks at the clock on the wall."""
    return int(time.time())


def publish(browser: Browser, badge: str = BADGE, on: str = "1", **more: Any) -> Any:
    return browser.post(f"{PAGE}/{badge}/credential", on=on, **more)


def fetch(app: Flask, url: str) -> bytes:
    """What anybody gets; raises as a download does."""
    answer = app.test_client().get(urlsplit(url).path)
    if answer.status_code != 200:
        raise OSError(answer.status_code)
    return answer.data


def verify(app: Flask, token: str) -> OpenBadgeCredential:
    """From the issuer's name alone: its key from did:web, its status list from the address in the credential."""
    verifier = OB3Verifier.for_issuer_did(DID, download=lambda url: fetch(app, url))
    return verifier.verify(token, check_status=True, download=lambda url: fetch(app, url))


def account_id(browser: Browser, handle: str = "sally") -> int:
    row = browser.ctx.db.row("SELECT id FROM account WHERE handle = ?", (handle,))
    assert row is not None
    return int(row[0])


@pytest.fixture
def token(app: Flask, sally: Browser) -> str:
    assert publish(sally).headers["Location"] == f"{PAGE}#publish-{BADGE}"
    return fetch(app, ADDRESS).decode()


def test_the_credential_verifies_with_an_independent_library(app, sally, token):
    found = verify(app, token)
    assert found.issuer.id == DID
    assert found.recipient_id == "http://localhost/u/sally"
    assert (found.achievement.name, found.name) == ("25 answers", "25 answers")
    assert found.credential_status[0]["type"] == "BitstringStatusListEntry"
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert claims["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    answer = app.test_client().get(ADDRESS)
    assert answer.mimetype == "application/vc+jwt"


def test_a_tampered_one_does_not(app, token):
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["credentialSubject"]["achievement"]["name"] = "10,000 answers"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    for bad in (f"{head}.{forged}.{signature}", f"{head}.{body}.{signature[:-6]}AAAAAA", f"{none}.{body}."):
        with pytest.raises(OB3VerificationError):
            verify(app, bad)


def test_another_key_in_the_sites_name_does_not(app, ctx, token, tmp_path):
    _, body, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = changed(ctx, site=changed(ctx.site, data_dir=tmp_path / "elsewhere"))
    with pytest.raises(OB3VerificationError):
        verify(app, issuer_key.sign(other, claims))


@pytest.mark.parametrize("how", ["unpublish", "lost", "hidden", "private", "private, no name", "deactivated"])
def test_t53_what_ends_it_is_404_and_revoked_at_once_all_alike(app, at, sally, token, how):
    db, me, ctx = sally.ctx.db, account_id(sally), sally.ctx
    client = app.test_client()
    unknown = client.get(f"{PAGE}/no-such-badge/credential")
    if how == "unpublish":
        publish(sally, on="")
    elif how == "lost":
        set_columns(db, me, answers=24)
    elif how == "hidden":
        choose(db, me, you=["badges"])
    elif how.startswith("private"):
        set_columns(db, me, private=True, keep_name=how == "private")
    else:
        closing.deactivate(ctx, me, at.now, by=account_id(sally, "rita"))
    gone = client.get(ADDRESS)
    assert (gone.status_code, len(gone.data)) == (404, len(unknown.data))
    with pytest.raises(OB3VerificationError, match="revocation"):
        verify(app, token)
    # Of the list nothing tells the one from the other: every bit is set.
    claims = json.loads(base64.urlsafe_b64decode(fetch(app, "/credentials/status/0").split(b".")[1] + b"=="))
    assert decode_encoded_list(claims["credentialSubject"]["encodedList"]) == b"\xff" * (store.PLACES // 8)


def hide(browser: Browser) -> None:
    choose(browser.ctx.db, account_id(browser), you=["badges"])


def show(browser: Browser) -> None:
    set_columns(browser.ctx.db, account_id(browser), chosen=0, chosen_anyone=0, chosen_org=0)


def claims_of(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_what_was_told_as_revoked_never_holds_again_and_a_new_credential_takes_its_place(app, sally, token):
    """Revocation is not reversible (Bitstring Status List): shown again, the badge has another id and place."""
    hide(sally)
    with pytest.raises(OB3VerificationError, match="revocation"):
        verify(app, token)
    show(sally)
    with pytest.raises(OB3VerificationError, match="revocation"):
        verify(app, token)
    again = fetch(app, ADDRESS).decode()
    assert verify(app, again).name == "25 answers"
    old, new = claims_of(token), claims_of(again)
    assert old["id"] != new["id"]
    assert old["credentialStatus"]["statusListIndex"] != new["credentialStatus"]["statusListIndex"]
    assert claims_of(fetch(app, ADDRESS).decode())["id"] == new["id"]       # made once, not at every look
    with pytest.raises(OB3VerificationError, match="revocation"):
        verify(app, token)
    hide(sally)
    fetch(app, "/credentials/status/0")
    show(sally)
    with pytest.raises(OB3VerificationError, match="revocation"):
        verify(app, again)
    db = sally.ctx.db
    assert len(store.load(db, account_id(sally))) == 1
    assert [ended is None for *_, ended in store.load_all(db, account_id(sally))] == [False, False]
    assert verify(app, fetch(app, ADDRESS).decode()).name == "25 answers"


def test_what_nobody_was_told_holds_again_and_what_is_published_anew_is_another(app, sally, token):
    hide(sally)
    assert app.test_client().get(ADDRESS).status_code == 404
    show(sally)
    assert verify(app, token).name == "25 answers"
    publish(sally, on="")
    publish(sally)
    with pytest.raises(OB3VerificationError):
        verify(app, token)
    assert verify(app, fetch(app, ADDRESS).decode()).name == "25 answers"


def test_many_who_ask_at_once_get_one_new_credential(app, sally, token):
    hide(sally)
    fetch(app, "/credentials/status/0")
    show(sally)
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(fetch(app, ADDRESS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({claims_of(one.decode())["id"] for one in got}) == 1
    assert len(store.load_all(sally.ctx.db, account_id(sally))) == 2


@pytest.mark.parametrize("how", ["fails", "was switched off"])
def test_what_a_failing_plugin_hides_is_not_revoked_for_good(sqlite_ctx, config, how):
    """Everything is hidden while a veto fails; that is nobody's decision, so the list says nothing meanwhile."""
    state = {"fails": False}

    def ask(question: Question) -> tuple[str, ...]:
        if state["fails"]:
            raise RuntimeError
        return ()

    ctx = plug(
        sqlite_ctx, ("open_badges", open_badges),
        ("moody", plugin(register_vetoes=lambda: (Veto("moods", ask, ("badges",)),))),
    )  # fmt: skip
    me = make_account(ctx.db, "sally", base_version=ctx.gate().version, answers=30)
    store.add(ctx.db, "a-key", me, BADGE, 0, 7, NOW)
    client = serve(ctx, config).test_client()
    assert client.get("/credentials/status/0").status_code == 200
    if how == "fails":
        state["fails"] = True
    else:
        plugins_store.set_state(ctx.db, "moody", "closed", NOW)
        policy.take_version(ctx.db)
    answer = client.get("/credentials/status/0")
    assert (answer.status_code, client.get(ADDRESS).status_code) == (503, 404)
    state["fails"] = False
    plugins_store.set_state(ctx.db, "moody", "on", NOW)
    policy.take_version(ctx.db)
    assert client.get("/credentials/status/0").status_code == 200
    assert store.load(ctx.db, me)[BADGE].revoked_at is None


def test_t2_a_session_that_a_reset_ended_publishes_nothing(sally, ctx):
    me = log_in(ctx, account_id(sally))
    with pytest.raises(Refused) as refused:
        credentials.set_published(ctx, changed(me, session_id="ended"), "sally", BADGE, True, NOW)
    assert refused.value.rule == "rule_live_session"
    assert store.load_all(ctx.db, me.account_id) == []
    assert credentials.set_published(ctx, me, "sally", BADGE, True, NOW).is_published


def test_nothing_is_published_unless_its_owner_does(app, sally, ctx):
    rita = Browser(app, "rita@other.example")
    assert app.test_client().get(ADDRESS).status_code == 404
    assert rita.post(ADDRESS, on="1").status_code == 404
    assert app.test_client().post(ADDRESS, data={"on": "1"}).status_code in {303, 400, 403}
    assert "open-badges" not in rita.get(PAGE).text + app.test_client().get(PAGE).text
    assert "open-badges" in sally.get(PAGE).text
    for never in ("answers-50", "answers-075", "no-such-badge", "x" * 5000):
        assert publish(sally, never).status_code == 404
    choose(ctx.db, account_id(sally), you=["badges"])
    assert publish(sally).status_code == 404       # what Anyone may not see is not published
    assert ctx.db.row("SELECT COUNT(*) FROM credential") == (0,)


def test_d7_a_managed_session_of_the_group_publishes_nothing(app, sally, ctx):
    sally.link(ACME)
    worker = Browser(app, ACME)
    assert publish(worker).status_code == 404
    assert publish(sally).status_code == 303


def test_after_linking_the_account_that_has_no_page_of_its_own_has_no_credentials(app, sally, ctx):
    sal = Browser(app, OLD)
    assert sal.post("/u/sal/badges/answers-50/credential", on="1").status_code == 303
    token = fetch(app, "/u/sal/badges/answers-50/credential").decode()
    assert verify(app, token).name == "50 answers"
    link(ctx.db, account_id(sally, "sal"), account_id(sally))
    with pytest.raises(OB3VerificationError):
        verify(app, token)
    assert app.test_client().get("/u/sal/badges/answers-50/credential").status_code == 404


def test_the_switch_works_with_and_without_htmx_and_is_audited_once(app, sally):
    for _ in range(2):
        answer = publish(sally, fragment=True)
        assert answer.status_code == 200
        assert "Unpublish" in answer.text
        assert "<html" not in answer.text
    assert publish(sally, on="").status_code == 303
    publish(sally, on="")
    events = sally.ctx.db.rows("SELECT event FROM audit WHERE event LIKE 'badge:%' ORDER BY id")
    assert events == [("badge:publish",), ("badge:unpublish",)]


def test_held_badges_are_published_too(app, sally):
    holds(sally.ctx.db, account_id(sally), "course", "a course / of <ours>", title="Wheels & spokes", at=NOW)
    found = [line for line in sally.get(PAGE).text.split('"') if line.startswith(f"{PAGE}/course-")]
    assert found
    sally.post(found[0], on="1")
    assert verify(app, fetch(app, found[0]).decode()).achievement.achievement_type == "Course"


def test_the_key_is_its_owners_alone_and_made_once(tmp_path, sqlite_ctx):
    issuer_key._key.cache_clear()
    folder = tmp_path / "fresh"
    made: list[Any] = []
    threads = [threading.Thread(target=lambda: made.append(issuer_key._key.__wrapped__(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key.thumbprint() for key in made}) == 1
    assert [path.name for path in folder.iterdir()] == [issuer_key.FILE]
    assert stat.S_IMODE((folder / issuer_key.FILE).stat().st_mode) == 0o600
    ctx = changed(sqlite_ctx, site=changed(sqlite_ctx.site, data_dir=folder))
    assert set(issuer_key.document(ctx)["verificationMethod"][0]["publicKeyJwk"]) == {"kty", "n", "e", "alg"}


@pytest.mark.parametrize("answer", [None, {"at": object()}, {"n": float("nan")}, "raise"])
def test_t99_a_form_that_fails_is_as_if_nothing_were_published(sqlite_ctx, config, answer):
    def make(about: object, issuer: object) -> Any:
        if answer == "raise":
            raise RuntimeError("secret of a member")
        return answer

    mine = plugin(register_credentials=lambda: (CredentialForm("Mine", make, make),))
    client = serve(plug(sqlite_ctx, ("mine", mine)), config).test_client()
    assert client.get("/credentials/status/0").status_code == 404
    assert client.application.extensions["vitrine"].manager.errors["mine"].count == 1


def test_without_a_plugin_there_are_no_credentials(sqlite_ctx, config):
    client = serve(plug(sqlite_ctx), config).test_client()
    for path in ("/.well-known/did.json", "/credentials/status/0", "/credentials/status/99999999", ADDRESS):
        assert client.get(path).status_code == 404


def test_two_plugins_that_say_how_credentials_look_stop_the_start(sqlite_ctx):
    with pytest.raises(ConfigError, match="credentials"):
        plug(sqlite_ctx, ("one", open_badges), ("two", plugin(register_credentials=open_badges.register_credentials)))


def test_t52_a_private_profile_and_one_without_the_badge_answer_alike_and_an_empty_list_too(app, at, sally, token):
    """Byte for byte: a list that somebody's hidden credential stands in is that of a list without any."""
    client = app.test_client()

    def seen() -> list[tuple[int, bytes]]:
        answers = [client.get(path) for path in (ADDRESS, "/credentials/status/0")]
        return [(one.status_code, one.data) for one in answers]

    at.now -= at.now % 60       # one minute
    set_columns(sally.ctx.db, account_id(sally), private=True)
    private = seen()[1]
    sally.ctx.db.execute("DELETE FROM credential")
    assert seen()[1] == private
    assert client.get("/credentials/status/7").status_code == 200
    assert client.get("/credentials/status/100000").status_code == 404


def test_the_owner_can_end_what_nobody_sees_any_more(app, sally, token):
    choose(sally.ctx.db, account_id(sally), you=["badges"])
    assert "Not shown to anyone now" in sally.get(PAGE).text
    assert publish(sally, on="").status_code == 303
    assert "Not shown to anyone now" not in sally.get(PAGE).text
