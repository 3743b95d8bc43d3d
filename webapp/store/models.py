"""The tables as peewee models, for writes and admin work. Hot reads do not come through; no model leaves the store.

The generated columns of `account` (see migrations/0001_ground.py) are left out: the database fills them.
"""

from __future__ import annotations

from typing import Any

import peewee as pw

from webapp.store import models_admin, models_matrix, models_orgs
from webapp.store.models_base import Base

ALL = 2**63 - 1


class PolicyState(Base):
    id = pw.IntegerField(primary_key=True)
    version = pw.BigIntegerField()


class PolicyChange(Base):
    version = pw.BigIntegerField(primary_key=True)
    op = pw.TextField()
    scope = pw.TextField()
    bit = pw.IntegerField(null=True)
    level = pw.IntegerField(null=True)
    value = pw.BigIntegerField(null=True)
    undone_at = pw.BigIntegerField(null=True)
    actor_id = pw.BigIntegerField(null=True)
    at = pw.BigIntegerField()


class FieldBit(Base):
    bit = pw.IntegerField(primary_key=True)
    name = pw.TextField(unique=True)


class LinkGuard(Base):
    id = pw.IntegerField(primary_key=True)


class SiteSetting(Base):
    key = pw.TextField(primary_key=True)
    value = pw.TextField()


class Organization(Base):
    id = pw.BigAutoField()
    slug = pw.TextField(unique=True)
    name = pw.TextField()
    created_at = pw.BigIntegerField()
    removed_at = pw.BigIntegerField(null=True)


class EmailDomain(Base):
    id = pw.BigAutoField()
    name = pw.TextField(unique=True)
    organization = pw.ForeignKeyField(Organization, null=True, index=False)
    verified_at = pw.BigIntegerField(null=True)
    method = pw.TextField(null=True)


class DomainClaim(Base):
    id = pw.BigAutoField()
    organization = pw.ForeignKeyField(Organization, index=False)
    domain = pw.TextField()
    secret = pw.TextField()
    created_at = pw.BigIntegerField()
    expires_at = pw.BigIntegerField()
    checked_at = pw.BigIntegerField(null=True)
    misses = pw.IntegerField(default=0)
    finding = pw.TextField(default="")


class Account(Base):
    """An account: who it is, its place in a link group, its gate settings (sparse), its record, its counters."""

    id = pw.BigAutoField()
    public_id = pw.TextField(unique=True)
    handle = pw.TextField(unique=True)
    public_name = pw.TextField()
    email = pw.TextField(null=True)
    email_key = pw.TextField(null=True, unique=True)
    email_verified_at = pw.BigIntegerField(null=True)
    domain = pw.ForeignKeyField(EmailDomain, null=True, index=False)
    password_hash = pw.TextField(null=True)
    reset_at = pw.BigIntegerField(null=True)
    state = pw.TextField()
    state_at = pw.BigIntegerField(null=True)
    closes_at = pw.BigIntegerField(null=True)
    is_admin = pw.BooleanField(default=False)
    terms_version = pw.TextField(null=True)
    terms_at = pw.BigIntegerField(null=True)
    created_at = pw.BigIntegerField()
    member_since = pw.BigIntegerField(null=True)
    searchable = pw.BooleanField(default=True)

    primary_id = pw.BigIntegerField(null=True)
    silent = pw.BooleanField(default=False)
    linked_at = pw.BigIntegerField(null=True)
    link_cap_anyone = pw.BigIntegerField(default=ALL)
    link_cap_org = pw.BigIntegerField(default=ALL)
    link_private = pw.BooleanField(default=False)
    link_edit_self = pw.BigIntegerField(null=True)
    link_edit_primary = pw.BigIntegerField(null=True)

    private = pw.BooleanField(default=False)
    keep_name = pw.BooleanField(default=True)
    base_version = pw.BigIntegerField()
    chosen = pw.BigIntegerField(default=0)
    chosen_anyone = pw.BigIntegerField(default=0)
    chosen_org = pw.BigIntegerField(default=0)
    cap_anyone = pw.BigIntegerField(default=ALL)
    cap_org = pw.BigIntegerField(default=ALL)
    edit_version = pw.BigIntegerField(default=0)
    row_version = pw.BigIntegerField(default=1)

    avatar = pw.TextField(null=True)
    full_name = pw.TextField(null=True)
    job_title = pw.TextField(null=True)
    department = pw.TextField(null=True)
    organization = pw.TextField(null=True)
    location = pw.TextField(null=True)
    timezone = pw.TextField(null=True)
    bio = pw.TextField(null=True)
    links = pw.TextField(null=True)
    products = pw.TextField(null=True)


class Counter(Base):
    """What moves with every event of an account: one row for each, which the database adds with the account's own. Only
    written under a lock on that one."""

    account = pw.ForeignKeyField(Account, primary_key=True, index=False)
    answers = pw.BigIntegerField(default=0)
    accepted_solutions = pw.BigIntegerField(default=0)
    articles = pw.BigIntegerField(default=0)
    likes_received = pw.BigIntegerField(default=0)
    total_posts = pw.BigIntegerField(default=0)
    peer_kudos = pw.BigIntegerField(default=0)
    #: Raised with the counters; `Account.row_version` with everything else.
    version = pw.BigIntegerField(default=0)
    #: Ids of its latest events, each behind a comma: webapp.store.filing.
    unfiled = pw.TextField(default="")


class Handle(Base):
    """Every handle ever used, current and old; none is given twice (D20)."""

    handle = pw.TextField(primary_key=True)
    account = pw.ForeignKeyField(Account, index=False)
    since = pw.BigIntegerField()


class Membership(Base):
    organization = pw.ForeignKeyField(Organization, index=False)
    account = pw.ForeignKeyField(Account, index=False)
    role = pw.TextField()
    since = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("organization", "account")


class Avatar(Base):
    key = pw.TextField(primary_key=True)
    account = pw.ForeignKeyField(Account, index=False)
    image = pw.BlobField()
    created_at = pw.BigIntegerField()


class Source(Base):
    id = pw.BigAutoField()
    name = pw.TextField(unique=True)
    label = pw.TextField()
    area = pw.TextField()
    created_at = pw.BigIntegerField()


class SourceToken(Base):
    id = pw.BigAutoField()
    source = pw.ForeignKeyField(Source, index=False)
    token_hash = pw.TextField(unique=True)
    created_at = pw.BigIntegerField()
    used_at = pw.BigIntegerField(null=True)
    revoked_at = pw.BigIntegerField(null=True)


class Identity(Base):
    """A source's own name for a person (D21). `buried_at`: the account was deleted; importing again raises nobody."""

    id = pw.BigAutoField()
    source = pw.ForeignKeyField(Source, index=False)
    actor = pw.TextField()
    account = pw.ForeignKeyField(Account, null=True, index=False)
    network = pw.TextField(null=True)
    email_key = pw.TextField(null=True)
    buried_at = pw.BigIntegerField(null=True)
    created_at = pw.BigIntegerField()


class Activity(Base):
    """One event of a source. `listed`: the member's own act, shown in activity lists; likes received are not."""

    id = pw.BigAutoField()
    source = pw.ForeignKeyField(Source, index=False)
    external_id = pw.TextField()
    identity = pw.ForeignKeyField(Identity, index=False)
    account = pw.ForeignKeyField(Account, null=True, index=False)
    kind = pw.TextField()
    at = pw.BigIntegerField()
    object = pw.TextField(default="")
    title = pw.TextField(default="")
    url = pw.TextField(default="")
    by_actor = pw.TextField(null=True)
    by_account = pw.ForeignKeyField(Account, null=True, index=False)
    listed = pw.BooleanField()


class Filed(Base):
    """An event under its account, in the order of time: webapp.store.filing."""

    account_id = pw.BigIntegerField()
    at = pw.BigIntegerField()
    activity_id = pw.BigIntegerField()
    kind = pw.TextField()
    source_id = pw.BigIntegerField()
    listed = pw.BooleanField()

    class Meta:
        primary_key = pw.CompositeKey("account_id", "at", "activity_id")


class ActivityYear(Base):
    """Listed activities per account and calendar year (UTC), packed: the heatmap. The text: webapp.store.days.

    last_day: the last day with anything in it, since 1970-01-01
    """

    account = pw.ForeignKeyField(Account, index=False)
    year = pw.IntegerField()
    last_day = pw.IntegerField()
    days = pw.TextField()

    class Meta:
        primary_key = pw.CompositeKey("account", "year")


class Crossing(Base):
    """When an account by itself reached a milestone: the time of that event."""

    account = pw.ForeignKeyField(Account, index=False)
    metric = pw.TextField()
    value = pw.BigIntegerField()
    at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("account", "metric", "value")


class PairCounter(Base):
    """Kudos and likes between two known accounts; they do not count while both are in one group (D9)."""

    receiver = pw.ForeignKeyField(Account, index=False)
    giver = pw.ForeignKeyField(Account, index=False)
    kudos = pw.BigIntegerField(default=0)
    likes = pw.BigIntegerField(default=0)

    class Meta:
        primary_key = pw.CompositeKey("receiver", "giver")


class Held(Base):
    """A course, certification, designation, group or badge of an account; `events` activities stand behind it."""

    account = pw.ForeignKeyField(Account, index=False)
    kind = pw.TextField()
    item = pw.TextField()
    source = pw.ForeignKeyField(Source, null=True, index=False)
    title = pw.TextField()
    url = pw.TextField(default="")
    at = pw.BigIntegerField()
    until = pw.BigIntegerField(null=True)
    events = pw.IntegerField(default=1)
    retired = pw.BooleanField(default=False)

    class Meta:
        primary_key = pw.CompositeKey("account", "kind", "item")


class Kudos(Base):
    id = pw.BigAutoField()
    receiver = pw.ForeignKeyField(Account, index=False)
    giver = pw.ForeignKeyField(Account, null=True, index=False)
    activity = pw.ForeignKeyField(Activity, null=True, index=False)
    category = pw.TextField(default="")
    message = pw.TextField(default="")
    at = pw.BigIntegerField()
    hidden_at = pw.BigIntegerField(null=True)
    reported_at = pw.BigIntegerField(null=True)
    kept_at = pw.BigIntegerField(null=True)


class LoginSession(Base):
    """A browser that is logged in. `id` is the SHA-256 of the cookie's random id; `proved_at`: last typed password."""

    id = pw.TextField(primary_key=True)
    account = pw.ForeignKeyField(Account, index=False)
    created_at = pw.BigIntegerField()
    seen_at = pw.BigIntegerField()
    proved_at = pw.BigIntegerField()
    device = pw.TextField(default="")


class Proof(Base):
    """A single-use, expiring token that was mailed or bound to a browser; only its SHA-256 is kept."""

    id = pw.BigAutoField()
    purpose = pw.TextField()
    token_hash = pw.TextField(unique=True)
    account = pw.ForeignKeyField(Account, null=True, index=False)
    other_account = pw.ForeignKeyField(Account, null=True, index=False)
    session_id = pw.TextField(null=True)
    email_key = pw.TextField(null=True)
    detail = pw.TextField(default="{}")
    created_at = pw.BigIntegerField()
    expires_at = pw.BigIntegerField()
    used_at = pw.BigIntegerField(null=True)


class Audit(Base):
    id = pw.BigAutoField()
    at = pw.BigIntegerField()
    event = pw.TextField()
    actor_id = pw.BigIntegerField(null=True)
    subject_id = pw.BigIntegerField(null=True)
    organization_id = pw.BigIntegerField(null=True)
    detail = pw.TextField(default="{}")


class Outbox(Base):
    id = pw.BigAutoField()
    recipient = pw.TextField()
    subject = pw.TextField()
    body = pw.TextField()
    created_at = pw.BigIntegerField()
    due_at = pw.BigIntegerField()
    attempts = pw.IntegerField(default=0)
    failed = pw.TextField(default="")


class Throttle(Base):
    """Attempts counted against a key until a moment, over all worker processes (T8)."""

    key = pw.TextField(primary_key=True)
    count = pw.IntegerField()
    until = pw.BigIntegerField()


class People(Base):
    """A row of the directory's index; its trigrams stand in `people_words`."""

    id = pw.BigAutoField()
    profile_id = pw.BigIntegerField()
    audience = pw.BigIntegerField()
    sort_key = pw.TextField()
    handle = pw.TextField()
    name = pw.TextField()
    words = pw.TextField()
    active_day = pw.BigIntegerField(null=True)
    helpful = pw.BigIntegerField(default=1)
    newest = pw.BigIntegerField(default=1)


MODELS: tuple[type[Base], ...] = (
    PolicyState, PolicyChange, FieldBit, LinkGuard, SiteSetting, Organization, EmailDomain, DomainClaim, Account,
    Counter, Handle, Membership, Avatar, Source, SourceToken, Identity, Activity, Filed, ActivityYear, Crossing,
    PairCounter, Held, Kudos, LoginSession, Proof, Audit, Outbox, Throttle, People, *models_orgs.MODELS,
    *models_admin.MODELS, *models_matrix.MODELS,
)  # fmt: skip

# The tables of the other areas build on those above.
from webapp.store import models_apps, models_kudos, models_plugins, models_shipped, models_webhooks  # noqa: E402

MODELS += models_apps.MODELS + models_plugins.MODELS + models_webhooks.MODELS + models_shipped.MODELS
MODELS += models_kudos.MODELS


def bind(database: Any) -> None:
    """Point every model at this process's database."""
    database.bind(list(MODELS))
