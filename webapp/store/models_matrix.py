"""The tables of default visibility as models: drafts, applied steps, declined offers. The log is in models.py."""

from __future__ import annotations

import peewee as pw

from webapp.store.models_base import Base


class PolicyDraft(Base):
    """What an admin toggled and did not apply yet: one draft per admin and place (`site`, `org:<id>`)."""

    account_id = pw.BigIntegerField()
    place = pw.TextField()
    based_on = pw.BigIntegerField()
    revision = pw.BigIntegerField(default=1)
    changes = pw.TextField()
    changed_at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("account_id", "place")


class PolicyStep(Base):
    """Changes applied together: the log's entries from first to last version. `telling`: mails are still to write."""

    id = pw.BigAutoField()
    place = pw.TextField()
    actor_id = pw.BigIntegerField(null=True)
    at = pw.BigIntegerField()
    first_version = pw.BigIntegerField()
    last_version = pw.BigIntegerField()
    note = pw.TextField(default="")
    counts = pw.TextField(default="{}")
    undone_at = pw.BigIntegerField(null=True)
    undone_by = pw.BigIntegerField(null=True)
    telling = pw.BooleanField(default=False)
    told_to = pw.BigIntegerField(default=0)
    told = pw.BigIntegerField(default=0)


class VisibilityDecline(Base):
    """An offer that its owner declined: it is not made again up to that level."""

    account_id = pw.BigIntegerField()
    bit = pw.IntegerField()
    level = pw.IntegerField()
    at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("account_id", "bit")


MODELS: tuple[type[Base], ...] = (PolicyDraft, PolicyStep, VisibilityDecline)
