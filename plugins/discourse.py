"""The source `discourse`: webhooks of a Discourse forum, at /hooks/discourse.

The example of a `receive`. Set in Discourse (Admin > API > Webhooks): the address, the secret of
VITRINE_HOOK_SECRET_DISCOURSE, content type JSON, and the events of topics, posts, likes, solved, badges, group
memberships and users. Whoever did something is a user's id.

topic_created         a discussion               post_created   a reply to the topic: an answer; to a reply: a comment
accepted_solution     an accepted solution       post_liked     a like received, with who gave it
user_badge_granted    a badge                    user_added_to_group, user_removed_from_group
topic_destroyed, post_destroyed, unaccepted_solution, user_badge_revoked     taken back
user_confirmed_email, user_updated               the address that the forum knows the user by

Private messages, whispers, notices of moderators, hidden posts and Discourse's own groups (staff, trust levels) are
left out. Every other event, like a ping, is answered with nothing. Of badges and groups Discourse tells the number
alone. Webhooks tell titles of topics and memberships: choose in Discourse the categories that anybody may read, and no
group memberships if groups are hidden there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from policies import hookimpl
from policies.terms import ActivityKind, Area, BadSignature, Event, Person, Retraction, SourceInfo, Told

SIGNATURE = "x-discourse-event-signature"
#: A post that somebody wrote, and the last of Discourse's own groups, in its numbers.
_REGULAR, _OWN_GROUPS = 1, 14

Body = Mapping[str, Any]


def receive(body: bytes, headers: Mapping[str, str], secret: str) -> list[Told]:
    """What one webhook tells. Errors: BadSignature; ValueError for a body that is none of Discourse's."""
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers.get(SIGNATURE, "").encode(), wanted.encode()):
        raise BadSignature
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("an object was expected")
    name = headers.get("x-discourse-event", "")
    read = _READERS.get(name)
    if read is None:
        return []
    key, tell = read
    about = found.get(key)
    if not isinstance(about, dict):
        raise ValueError(f"{name} without {key}")
    try:
        return tell(about, headers.get("x-discourse-instance", "").rstrip("/"))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} without {error}") from error


def _topic(topic: Body, site: str) -> list[Told]:
    if topic["archetype"] != "regular" or topic.get("deleted_at") or topic.get("visible") is False:
        return []
    return [Event(
        f"topic:{_id(topic, 'id')}", _user(topic, topic.get("created_by")), ActivityKind.DISCUSSION,
        _moment(topic["created_at"]), f"topic:{_id(topic, 'id')}", str(topic["title"]), _topic_url(topic, site),
    )]  # fmt: skip


def _post(post: Body, site: str) -> list[Told]:
    """The first post of a topic is the topic, which tells of itself."""
    if not _is_public(post) or post["post_number"] == 1:
        return []
    is_comment = (post.get("reply_to_post_number") or 1) > 1
    kind = ActivityKind.COMMENT if is_comment else ActivityKind.ANSWER
    return [_of(post, kind, f"post:{_id(post, 'id')}", str(_id(post, "user_id")), _moment(post["created_at"]), site)]


def _solution(post: Body, site: str) -> list[Told]:
    """Discourse tells no moment of accepting: the last change of the post stands for it."""
    if not _is_public(post):
        return []
    at = _moment(post.get("updated_at") or post["created_at"])
    name = f"solution:{_id(post, 'id')}"
    return [_of(post, ActivityKind.ACCEPTED_SOLUTION, name, str(_id(post, "user_id")), at, site)]


def _like(like: Body, site: str) -> list[Told]:
    """A like has no id in its webhook: post and giver name it. Its moment is not told either."""
    post, giver = like["post"], str(_id(like["user"], "id"))
    if not _is_public(post):
        return []
    at = _moment(post.get("updated_at") or post["created_at"])
    name = f"like:{_id(post, 'id')}:{giver}"
    return [_of(post, ActivityKind.LIKE_RECEIVED, name, str(_id(post, "user_id")), at, site, giver)]


def _badge(granted: Body, site: str) -> list[Told]:
    number = _id(granted, "badge_id")
    return [Event(
        f"user_badge:{_id(granted, 'id')}", str(_id(granted, "user_id")), ActivityKind.BADGE,
        _moment(granted["granted_at"]), f"badge:{number}", f"Badge {number}",
        f"{site}/badges/{number}/-" if site else "",
    )]  # fmt: skip


def _joined(membership: Body, site: str) -> list[Told]:
    number = _id(membership, "group_id")
    if number <= _OWN_GROUPS:
        return []
    return [Event(
        f"group_user:{_id(membership, 'id')}", str(_id(membership, "user_id")), ActivityKind.GROUP_JOINED,
        _moment(membership["created_at"]), f"group:{number}", f"Group {number}",
    )]  # fmt: skip


def _left(membership: Body, site: str) -> list[Told]:
    """The membership ends: what told of its beginning is taken back."""
    return [Retraction(f"group_user:{_id(membership, 'id')}", for_good=True)]


def _who(user: Body, site: str) -> list[Told]:
    email = user.get("email")
    return [Person(str(_id(user, "id")), "", email=email)] if isinstance(email, str) and email else []


def _gone(*names: str, for_good: bool = False) -> Callable[[Body, str], list[Told]]:
    return lambda one, site: [Retraction(f"{name}:{_id(one, 'id')}", for_good=for_good) for name in names]


def _of(post: Body, kind: ActivityKind, name: str, actor: str, at: int, site: str, by: str = "") -> Event:
    about = f"post:{_id(post, 'id')}"
    return Event(name, actor, kind, at, about, str(post.get("topic_title") or ""), _post_url(post, site), by)


def _is_public(post: Body) -> bool:
    return (
        post.get("topic_archetype", "regular") == "regular" and post.get("post_type", _REGULAR) == _REGULAR
        and not (post.get("hidden") or post.get("deleted_at") or post.get("user_deleted"))
    )  # fmt: skip


def _user(topic: Body, creator: Any) -> str:
    return str(_id(creator, "id") if isinstance(creator, dict) else _id(topic, "user_id"))


def _id(about: Body, key: str) -> int:
    if type(about[key]) is not int:
        raise ValueError(f"{key} is no number")
    return int(about[key])


def _topic_url(topic: Body, site: str) -> str:
    return f"{site}/t/{topic.get('slug') or '-'}/{_id(topic, 'id')}" if site else ""


def _post_url(post: Body, site: str) -> str:
    slug, topic = post.get("topic_slug") or "-", post.get("topic_id")
    return f"{site}/t/{slug}/{topic}/{post['post_number']}" if site and topic else ""


def _moment(text: Any) -> int:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return int(found.timestamp())


#: event -> (the key of the body, who reads what stands there)
_READERS: Mapping[str, tuple[str, Callable[[Body, str], list[Told]]]] = {
    "topic_created": ("topic", _topic), "topic_recovered": ("topic", _topic),
    "topic_destroyed": ("topic", _gone("topic")),
    "post_created": ("post", _post), "post_recovered": ("post", _post),
    "post_destroyed": ("post", _gone("post", "solution")),
    "accepted_solution": ("solved", _solution), "unaccepted_solution": ("solved", _gone("solution")),
    "post_liked": ("like", _like),
    "user_badge_granted": ("user_badge", _badge),
    "user_badge_revoked": ("user_badge", _gone("user_badge", for_good=True)),
    "user_added_to_group": ("group_user", _joined), "user_removed_from_group": ("group_user", _left),
    "user_confirmed_email": ("user", _who), "user_updated": ("user", _who),
}  # fmt: skip


@hookimpl
def register_sources() -> tuple[SourceInfo, ...]:
    """One forum that sends webhooks."""
    return (SourceInfo("discourse", "Discourse", Area.FORUM, receive=receive),)
