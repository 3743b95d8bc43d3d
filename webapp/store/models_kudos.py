"""The tables beside the kudos themselves, as peewee models. See models.py for the rest."""

from __future__ import annotations

import peewee as pw

from webapp.store.models_base import Base


class KudosWaiting(Base):
    """Kudos that the daily mail has not told of yet."""

    kudos_id = pw.BigIntegerField(primary_key=True)
    receiver_id = pw.BigIntegerField()


class KudosMute(Base):
    """An account that wants no daily mail about kudos and badges."""

    account_id = pw.BigIntegerField(primary_key=True)
    since = pw.BigIntegerField()


MODELS: tuple[type[Base], ...] = (KudosWaiting, KudosMute)
