"""The tables of webhooks as peewee models. Their statements are in webhooks.py."""

from __future__ import annotations

import peewee as pw

from webapp.store.models import Account, Base
from webapp.store.models_apps import App


class Webhook(Base):
    """Where an app is told; `salt` makes its signing key together with the site's own key."""

    app = pw.ForeignKeyField(App, primary_key=True)
    url = pw.TextField()
    salt = pw.TextField()
    created_at = pw.BigIntegerField()
    sent_at = pw.BigIntegerField(null=True)
    failed = pw.TextField(default="")


class WebhookSeen(Base):
    """What an app saw of an account last: a digest, never a value; None where there was nothing to see."""

    app = pw.ForeignKeyField(Webhook, index=False)
    account = pw.ForeignKeyField(Account, index=False)
    stamp = pw.TextField()
    digest = pw.TextField(null=True)

    class Meta:
        primary_key = pw.CompositeKey("app", "account")


class WebhookDelivery(Base):
    id = pw.BigAutoField()
    app = pw.ForeignKeyField(Webhook, index=False)
    key = pw.TextField(unique=True)
    event = pw.TextField()
    public_id = pw.TextField()
    created_at = pw.BigIntegerField()
    due_at = pw.BigIntegerField()
    attempts = pw.IntegerField(default=0)


MODELS: tuple[type[Base], ...] = (Webhook, WebhookSeen, WebhookDelivery)
