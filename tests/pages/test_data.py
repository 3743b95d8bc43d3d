"""Settings > Your data: export, history, dissolving a group, deletion and taking it back, as pages (D22, T68, T15)."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.pages.linking_samples import ACME, OLD, SALLY, Browser, ctx, key_of, primary_of, sally
from tests.services.test_accounts import PASSWORD
from webapp.services import closing

__all__ = ["ctx", "sally"]

PAGE = "/settings/data"


def files(answer) -> dict[str, str]:
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    assert archive.testzip() is None
    return {name: archive.read(name).decode() for name in archive.namelist() if not name.endswith(".webp")}


def test_the_page_is_offered_in_settings_and_says_what_deletion_means(sally):
    assert f'href="{PAGE}"' in sally.get("/settings/security").text
    page = sally.get(PAGE)
    assert page.status_code == 200
    for words in ("14 days", "29 June 2025", "Delete my account", "Download"):
        assert words in page.text
    assert "Dissolve" not in page.text


def test_t68_the_file_is_streamed_as_a_download_and_stored_nowhere(sally):
    answer = sally.post(f"{PAGE}/export", page=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/export.zip")
    answer = sally.get(f"{PAGE}/export.zip")
    assert answer.is_streamed
    assert answer.mimetype == "application/zip"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sally-2025-06-15.zip"'
    found = files(answer)
    assert "README.txt" in found
    assert SALLY in found["sally/account.json"]


def test_t15_export_and_deletion_ask_for_the_password_after_five_minutes(sally, at, ctx):
    at.now += 400
    for form, sent in (("export", {}), ("delete", {"sure": "1"})):
        assert f'name="{form}_current"' in sally.get(PAGE).text
        answer = sally.post(f"{PAGE}/{form}", page=PAGE, **{f"{form}_current": "not my password"}, **sent)
        assert answer.status_code == 422
        assert "not your present password" in answer.text
    assert sally.get(f"{PAGE}/export.zip").headers["Location"].startswith("/settings/confirm?next=")
    answer = sally.post(f"{PAGE}/export", page=PAGE, export_current=PASSWORD)
    assert answer.headers["Location"] == f"{PAGE}/export.zip"
    assert sally.get(f"{PAGE}/export.zip").status_code == 200


def test_d22_delete_log_in_and_keep(app, ctx, sally):
    answer = sally.post(f"{PAGE}/delete", page=PAGE)
    assert answer.status_code == 422
    assert "Tick this" in answer.text
    answer = sally.post(f"{PAGE}/delete", page=PAGE, sure="1")
    assert answer.headers["Location"] == "/goodbye"
    assert "29 June 2025" in sally.get("/goodbye").text
    assert sally.get(PAGE).headers["Location"].startswith("/login")
    assert app.test_client().get("/u/sally").status_code == 404

    back = Browser(app, SALLY)      # its log-in leads to the offer
    assert back.get(PAGE).headers["Location"].startswith("/login")
    offer = back.get("/login/closing")
    assert "29 June 2025" in offer.text
    answer = back.post("/login/closing", page="/login/closing")
    assert answer.headers["Location"] == "/u/sally"
    assert back.get("/u/sally").status_code == 200
    assert "Deletion was taken back" in back.get(f"{PAGE}/history").text
    assert app.test_client().get("/u/sally").status_code == 200


def test_t12_the_offer_opens_only_in_the_browser_that_logged_in(app, ctx, sally):
    assert sally.get("/login/closing").headers["Location"] == "/login"
    stranger = app.test_client()
    assert stranger.get("/login/closing").headers["Location"] == "/login"
    app.config["WTF_CSRF_ENABLED"] = False
    assert stranger.post("/login/closing").status_code == 400


def test_t52_a_closing_and_a_deleted_account_answer_as_one_that_never_was(app, ctx, at, sally):
    row = ctx.db.row("SELECT id FROM account WHERE handle = 'sally'")
    sally.post(f"{PAGE}/delete", page=PAGE, sure="1")
    rita = Browser(app, "rita@other.example")

    def answers(handle):
        found = []
        for client in (app.test_client(), rita):
            for path in (f"/u/{handle}", f"/u/{handle}/activity"):
                answer = client.get(path)
                found.append((answer.status_code, answer.text.replace(handle, "HANDLE")))
        return found

    unknown = answers("never")
    assert answers("sally") == unknown
    at.now += closing.GRACE
    closing.delete_due(ctx, at.now)
    assert ctx.db.row("SELECT state FROM account WHERE id = ?", row) == ("deleted",)
    rita = Browser(app, "rita@other.example")
    assert answers("sally") == answers("never")


def test_d22_a_primary_sees_what_dissolving_does_and_deletes_after_it(app, ctx, sally):
    sally.link(OLD, primary=key_of(sally, SALLY))
    page = sally.get(PAGE).text
    for words in ("1 account is linked", "Make another account the primary", "84", "27"):
        assert words in page
    assert "Delete my account" not in page
    answer = sally.post(f"{PAGE}/delete", page=PAGE, sure="1")
    assert (answer.status_code, "Other accounts are linked" in answer.text) == (422, True)
    answer = sally.post(f"{PAGE}/dissolve", page=PAGE)
    assert answer.headers["Location"] == f"{PAGE}?done=dissolved"
    assert primary_of(ctx, "sal") is None
    assert "The group is dissolved" in sally.get(answer.headers["Location"]).text
    assert sally.post(f"{PAGE}/delete", page=PAGE, sure="1").headers["Location"] == "/goodbye"


@pytest.mark.parametrize(("email", "folders"), [
    (SALLY, {"sally", "sal", "worker"}), (OLD, {"sal"}), (ACME, {"worker"}),
])
def test_t68_full_for_the_primary_its_own_account_for_a_linked_one(app, ctx, sally, email, folders):
    sally.link(OLD, primary=key_of(sally, SALLY))
    sally.link(ACME)
    found = files(Browser(app, email).get(f"{PAGE}/export.zip"))
    assert {name.partition("/")[0] for name in found if "/" in name} == folders
    if email == ACME:
        text = "".join(found.values())
        assert SALLY not in text
        assert OLD not in text
        assert "linked-accounts" in "".join(found)
        assert found["worker/linked-accounts.json"].count("handle") == 1


def test_t68_an_admin_has_no_way_to_the_data_of_anybody_else(app, ctx):
    ctx.db.execute("UPDATE account SET is_admin = ? WHERE handle = 'rita'", (True,))
    rita = Browser(app, "rita@other.example")
    found = files(rita.get(f"{PAGE}/export.zip?handle=sally&account=1"))
    assert {name.partition("/")[0] for name in found if "/" in name} == {"rita"}
    assert SALLY not in "".join(found.values())
    routes = {rule.rule for rule in app.url_map.iter_rules() if "export" in rule.rule}
    assert routes == {f"{PAGE}/export", f"{PAGE}/export.zip"}


def test_the_history_is_paged_and_a_cursor_that_is_none_begins_anew(sally, ctx, at):
    for number in range(40):
        at.now += 10
        sally.post("/settings/security/handle", page="/settings/security", handle=f"sally-{number}")
        ctx.db.execute("DELETE FROM throttle")
    first = sally.get(f"{PAGE}/history").text
    assert first.count("The handle was changed") == 30
    older = first.partition("?cursor=")[2].partition('"')[0]
    second = sally.get(f"{PAGE}/history?cursor={older}").text
    assert second.count("The handle was changed") == 10
    assert "Logged in" in second
    assert "Older" not in second
    assert sally.get(f"{PAGE}/history?cursor=zzz").text.count("The handle was changed") == 30
