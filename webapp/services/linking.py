"""What members do with linked accounts: the page, the proof, link, unlink, make primary, silent, leave, the nudge.

The parts: link_proof.py (fresh log-in to the other account), link_rehearsal.py (before it is confirmed), link_verbs.py
(what is written), link_leave.py (D18, D6). By the operator's word: link_operator.py.
"""

from __future__ import annotations

from collections.abc import Collection

from policies.errors import Refused
from webapp.services.context import Context
from webapp.services.link_views import LeaveStep, LinksPage, Rehearsal
from webapp.services.sessions import Session


def open_links(ctx: Context, session: Session, now: int) -> LinksPage:
    """Settings > Linked accounts of the account that is logged in."""
    raise Refused("rule_not_yet", "Not yet.")


def prove_other(
    ctx: Context, session: Session, email: str, password: str, now: int, *, address: str = ""
) -> str:
    """A fresh log-in to the other account in this browser, without ending this session; the token of its proof (S44).

    `address`: the network the request comes from (throttle.remote_key). What this browser had pending is forgotten.
    Errors: Invalid (`email`, `password`), TooMany, Refused (rule_recent_password, or a rule of policies.linking).
    """
    raise Refused("rule_not_yet", "Not yet.")


def rehearse(
    ctx: Context, session: Session, token: str, now: int, *, primary_choice: str | None = None,
    may_be_public: bool = False, silent: bool = False,
) -> Rehearsal:
    """What confirming would do. `primary_choice`: a key of `choose_primary`. Errors: LinkGone, Refused."""
    raise Refused("rule_not_yet", "Not yet.")


def link_accounts(
    ctx: Context, session: Session, token: str, now: int, *, primary_choice: str | None = None,
    may_be_public: bool = False, silent: bool = False,
) -> str:
    """Link the two accounts of the proof; the new id for this session's cookie (T10).

    Errors: LinkGone; Refused (rule_recent_password, rule_choose_primary, or a rule of policies.linking).
    """
    raise Refused("rule_not_yet", "Not yet.")


def cancel(ctx: Context, session: Session, token: str) -> None:
    """Forget the proof that waits in this browser."""
    raise Refused("rule_not_yet", "Not yet.")


def rehearse_unlink(ctx: Context, session: Session, key: str, now: int) -> Rehearsal:
    """What unlinking that row would do. Errors: NotFound, Refused."""
    raise Refused("rule_not_yet", "Not yet.")


def unlink(ctx: Context, session: Session, key: str, now: int) -> None:
    """Unlink that row (S49-S51). Errors: NotFound, Refused (rule_recent_password, rule_only_primary_unlinks …)."""
    raise Refused("rule_not_yet", "Not yet.")


def rehearse_make_primary(ctx: Context, session: Session, key: str, now: int) -> Rehearsal:
    """What making that row the primary would do. Errors: NotFound, Refused."""
    raise Refused("rule_not_yet", "Not yet.")


def make_primary(
    ctx: Context, session: Session, key: str, now: int, *, copy: bool = False, accept: Collection[str] = ()
) -> str:
    """Make that row the primary; `accept`: names of offered fields. The new id for this session's cookie (T10).

    Errors: NotFound, Refused.
    """
    raise Refused("rule_not_yet", "Not yet.")


def set_silent(ctx: Context, session: Session, key: str, silent: bool, now: int) -> None:
    """The box *Show as part of this profile* of that row, silent when unticked (D5). Errors: NotFound, Refused."""
    raise Refused("rule_not_yet", "Not yet.")


def ask_to_leave(ctx: Context, session: Session, now: int) -> int | None:
    """The account that is logged in asks to be taken out (D18): when it will be; None if it was done at once.

    Errors: Refused (rule_recent_password, rule_is_linked, rule_asked_already, rule_asks_again_later).
    """
    raise Refused("rule_not_yet", "Not yet.")


def open_mailed(ctx: Context, token: str, now: int) -> LeaveStep:
    """What a mailed link ("this was not me", or "decline") will do; nothing is used up. Errors: LinkGone."""
    raise Refused("rule_not_yet", "Not yet.")


def leave_by_mail(ctx: Context, key: str, now: int) -> None:
    """"This was not me": take the recipient's account out at once (D18). Errors: LinkGone."""
    raise Refused("rule_not_yet", "Not yet.")


def decline_by_mail(ctx: Context, key: str, now: int) -> None:
    """The primary declines by the mailed link. Errors: LinkGone."""
    raise Refused("rule_not_yet", "Not yet.")


def decline_leave(ctx: Context, session: Session, key: str, now: int) -> None:
    """The primary declines that row's request to leave (D18). Errors: NotFound, Refused."""
    raise Refused("rule_not_yet", "Not yet.")


def finish_leaves(ctx: Context, now: int) -> int:
    """Take out the accounts whose seven days are over; how many. For the worker, every hour."""
    raise Refused("rule_not_yet", "Not yet.")


def object_to_reset(ctx: Context, session: Session, now: int) -> None:
    """A linked personal account objects to what a flagged primary could do after a reset by mail (D6)."""
    raise Refused("rule_not_yet", "Not yet.")


def dismiss_nudge(ctx: Context, session: Session, now: int) -> None:
    """S39: not shown to this account any more."""
    raise Refused("rule_not_yet", "Not yet.")
