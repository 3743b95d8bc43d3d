"""The admin area's tables as peewee models. See models.py for the rest."""

from __future__ import annotations

import peewee as pw

from webapp.store.models_base import Base


class SourceHour(Base):
    """How many new events a source sent in an hour (hours since 1970), and when the last of them arrived."""

    source_id = pw.BigIntegerField()
    hour = pw.BigIntegerField()
    events = pw.BigIntegerField()
    at = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("source_id", "hour")


MODELS: tuple[type[Base], ...] = (SourceHour,)
