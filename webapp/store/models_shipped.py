"""The tables of migration 0012 as models, with what 0018 adds. What they mean is said there; their statements are in
ingest.py, claims.py and credentials.py."""

from __future__ import annotations

import peewee as pw

from webapp.store.models_base import Base


class Retracted(Base):
    """An event that its source took back for good."""

    source_id = pw.BigIntegerField()
    external_id = pw.TextField()
    at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("source_id", "external_id")


class HookSeen(Base):
    """A webhook that was taken in: a digest, never its bytes."""

    source_id = pw.BigIntegerField()
    digest = pw.TextField()
    at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("source_id", "digest")


class OfferDecline(Base):
    """What a source knows under the member's address and the member does not want."""

    account_id = pw.BigIntegerField()
    identity_id = pw.BigIntegerField()
    at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("account_id", "identity_id")


class Credential(Base):
    """A badge that its owner published, and its place in a status list."""

    id = pw.BigAutoField()
    key = pw.TextField(unique=True)
    account_id = pw.BigIntegerField(null=True)
    badge = pw.TextField()
    list = pw.IntegerField()
    place = pw.IntegerField()
    published_at = pw.BigIntegerField()
    ended_at = pw.BigIntegerField(null=True)
    revoked_at = pw.BigIntegerField(null=True)


MODELS: tuple[type[Base], ...] = (Retracted, HookSeen, OfferDecline, Credential)
