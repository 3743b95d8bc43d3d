"""The tables of plugins and badge rules as models. What they mean is said in migrations/0009_plugins.py."""

from __future__ import annotations

import peewee as pw

from webapp.store.models_base import Base


class Plugin(Base):
    """A plugin that an admin decided about or that failed; `state` None: nobody decided."""

    name = pw.TextField(primary_key=True)
    state = pw.TextField(null=True)
    errors = pw.BigIntegerField(default=0)
    overruns = pw.BigIntegerField(default=0)
    last_error = pw.TextField(default="")
    last_at = pw.BigIntegerField(null=True)
    changed_at = pw.BigIntegerField(null=True)
    off_first = pw.BigIntegerField(null=True)
    off_last = pw.BigIntegerField(null=True)
    first_at = pw.BigIntegerField(null=True)
    begun = pw.BigIntegerField(default=0)


class BadgeRule(Base):
    """A badge rule ever registered."""

    name = pw.TextField(primary_key=True)
    plugin = pw.TextField()
    title = pw.TextField()
    needs = pw.TextField()
    state = pw.TextField()
    since = pw.BigIntegerField()


class BadgeRun(Base):
    """One look at all accounts for one rule, done by the worker."""

    id = pw.BigAutoField()
    rule = pw.TextField()
    mode = pw.TextField()
    last_id = pw.BigIntegerField(default=0)
    upto_id = pw.BigIntegerField()
    done = pw.BigIntegerField(default=0)
    total = pw.BigIntegerField()
    gained = pw.BigIntegerField(default=0)
    lost = pw.BigIntegerField(default=0)
    failed = pw.BigIntegerField(default=0)
    started_at = pw.BigIntegerField()
    finished_at = pw.BigIntegerField(null=True)


class BadgeRevoked(Base):
    """A badge that an admin took back: the rule does not give it to that account again."""

    account_id = pw.BigIntegerField()
    rule = pw.TextField()
    at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("account_id", "rule")


class AwardWaiting(Base):
    """A badge given by a rule that its holder has not been told of by mail (migrations/0018_revoked.py)."""

    account_id = pw.BigIntegerField()
    rule = pw.TextField()

    class Meta:
        primary_key = pw.CompositeKey("account_id", "rule")


class FieldValue(Base):
    """What an account typed into a field of a plugin (migrations/0019_typed.py)."""

    account_id = pw.BigIntegerField()
    name = pw.TextField()
    value = pw.TextField()

    class Meta:
        primary_key = pw.CompositeKey("account_id", "name")


MODELS: tuple[type[Base], ...] = (Plugin, BadgeRule, BadgeRun, BadgeRevoked, AwardWaiting, FieldValue)
