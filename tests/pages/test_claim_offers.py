"""Settings > Linked accounts > Is this you?: offers of sources, taken or sent away (D21)."""

from __future__ import annotations

import re

from tests.pages.linking_samples import ACME, HOME, SALLY, Browser, ctx, sally
from tests.services.test_claim_offers import tell
from tests.services.test_claims import imported

__all__ = ["ctx", "sally"]


def offered(browser: Browser) -> list[str]:
    return re.findall(rf'action="({HOME}/offers/\d+)"', browser.get().text)


def test_d21_the_owner_takes_one_and_sends_the_other_away(app, ctx, sally):
    assert "Is this you?" not in sally.get().text
    tell(ctx, "u7", SALLY)
    tell(ctx, "u8", SALLY, events=1)
    page = sally.get().text
    assert "2 things done there" in page
    assert "1 thing done there" in page
    mine, other = offered(sally)
    assert sally.post(mine, answer="take").headers["Location"] == f"{HOME}?done=taken"
    assert "counts on your profile now" in sally.get(f"{HOME}?done=taken").text
    assert sally.post(other, answer="decline").headers["Location"] == f"{HOME}?done=sent-away"
    assert offered(sally) == []
    assert ctx.db.row("SELECT answers FROM account JOIN counter ON account_id = id WHERE handle = 'sally'") == (29,)
    for once_more in (mine, other, f"{HOME}/offers/999999999999"):
        assert sally.post(once_more, answer="take").status_code == 404


def test_d5_linked_accounts_see_only_what_is_offered_to_themselves(app, ctx, sally):
    tell(ctx, "u7", SALLY)
    (mine,) = offered(sally)
    sally.link(ACME)
    worker = Browser(app, ACME)
    assert offered(worker) == []
    assert worker.post(mine, answer="take").status_code == 404
    assert len(offered(sally)) == 1


def test_an_imported_account_leads_to_the_claim(ctx, sally):
    imported(ctx, "sally-2", said=SALLY)
    assert "@sally-2" in sally.get().text
    (mine,) = offered(sally)
    assert sally.post(mine, answer="take").headers["Location"] == "/claim"
    assert 'name="email"' in sally.get("/claim").text
