"""What a browser has begun, in the signed cookie: opened links and the name typed at sign-up.

Nothing here is worth anything elsewhere: keys name proofs, and the token of a link works in its login session only.

A mailed link's token is exchanged at once for the key of its proof, so that it stands in no referrer and no form (T14);
the last step works only from this state (T12).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, abort
from flask import session as cookie

from webapp.pages import _response
from webapp.services.throttle import TooMany
from webapp.services.tokens import LinkGone

View = TypeVar("View", bound=Callable[..., Any])


def opened(purpose: str) -> str | None:
    """The key of the proof that this browser opened for a purpose."""
    step = cookie.get("step")
    return str(step["key"]) if isinstance(step, dict) and step.get("purpose") == purpose else None


def require_opened(purpose: str) -> str:
    """The same, for the last step: without it the request is out of order (T12)."""
    return opened(purpose) or abort(400)


def remember(purpose: str, key: str, note: str = "") -> None:
    """This browser opened a link; what it had opened before is forgotten. `note`: a word for the page of the step."""
    cookie["step"] = {"purpose": purpose, "key": key, "note": note}


def noted() -> str:
    """The word kept with the present step, or nothing."""
    step = cookie.get("step")
    return str(step.get("note", "")) if isinstance(step, dict) else ""


def kept_over_log_in() -> dict[str, dict[str, str]]:
    """What stays in the cookie when somebody logs in: an opened invitation. It is worth something to the account with
    the address it was mailed to alone, and is accepted by a button."""
    step = cookie.get("step")
    return {"step": step} if isinstance(step, dict) and step.get("purpose") == "invitation" else {}


def forget() -> None:
    """The step is done."""
    cookie.pop("step", None)


def typed_at_signup() -> tuple[str, str]:
    """(mark, name) of the sign-up that this browser began."""
    typed = cookie.get("signup")
    return (str(typed["mark"]), str(typed["name"])) if isinstance(typed, dict) else ("", "")


def remember_signup(mark: str, name: str, *, joining: bool = False) -> None:
    """`joining`: the new account is made by somebody who is logged in, to be linked (S45)."""
    cookie["signup"] = {"mark": mark, "name": name, "joining": joining}


def is_joining() -> bool:
    """Whether the sign-up that this browser began is to end in a link."""
    typed = cookie.get("signup")
    return isinstance(typed, dict) and bool(typed.get("joining"))


def forget_signup() -> None:
    """The account is made."""
    cookie.pop("signup", None)


def gone_page(again: str) -> Response:
    """A link that does not work any more; `again` is the page that mails a new one."""
    forget()
    return _response.page("auth/gone.html", 400, again=again)


def link_page(again: str) -> Callable[[View], View]:
    """A view behind a mailed link: LinkGone becomes the page that says so."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(*args: Any, **kwargs: Any) -> Any:
            try:
                return view(*args, **kwargs)
            except LinkGone:
                return gone_page(again)

        return cast(View, answered)

    return decorate


def too_many(error: TooMany, response: Response) -> Response:
    """The form again, saying when to come back (T8)."""
    response.status_code = 429
    response.headers["Retry-After"] = str(error.retry_after)
    return response
