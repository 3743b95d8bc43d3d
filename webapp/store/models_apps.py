"""The tables of apps, consents, codes and tokens as peewee models. Their statements are in apps.py and grants.py.

Imported at the end of models.py, which lists them.
"""

from __future__ import annotations

import peewee as pw

from webapp.store.models import Account, Base, Organization, Source


class App(Base):
    """A registered app; `client_id` names it outside. No secret: a public client. `fields`: bits it asks for (D16)."""

    id = pw.BigAutoField()
    client_id = pw.TextField(unique=True)
    type = pw.TextField()
    organization = pw.ForeignKeyField(Organization, null=True, index=False)
    owner = pw.ForeignKeyField(Account, null=True, index=False)
    name = pw.TextField()
    about = pw.TextField(default="")
    website = pw.TextField(default="")
    scopes = pw.TextField()
    fields = pw.BigIntegerField(default=0)
    secret_hash = pw.TextField(null=True)
    source = pw.ForeignKeyField(Source, null=True, index=False)
    created_at = pw.BigIntegerField()
    disabled_at = pw.BigIntegerField(null=True)


class AppRedirect(Base):
    app = pw.ForeignKeyField(App, index=False)
    uri = pw.TextField()

    class Meta:
        primary_key = pw.CompositeKey("app", "uri")


class AppGrant(Base):
    """What an account let an app do: scopes, and of the fields it was asked for those that it ticked (D16)."""

    id = pw.BigAutoField()
    app = pw.ForeignKeyField(App, index=False)
    account = pw.ForeignKeyField(Account, index=False)
    scopes = pw.TextField()
    asked = pw.BigIntegerField(default=0)
    ticked = pw.BigIntegerField(default=0)
    created_at = pw.BigIntegerField()
    changed_at = pw.BigIntegerField()
    used_at = pw.BigIntegerField(null=True)


class OauthFamily(Base):
    """All tokens that came of one code, or of one use of an app's own credentials (then without a grant)."""

    id = pw.BigAutoField()
    app = pw.ForeignKeyField(App, index=False)
    grant = pw.ForeignKeyField(AppGrant, null=True, index=False)
    scopes = pw.TextField()
    created_at = pw.BigIntegerField()
    expires_at = pw.BigIntegerField()


class OauthCode(Base):
    code_hash = pw.TextField(primary_key=True)
    family = pw.ForeignKeyField(OauthFamily, index=False)
    redirect_uri = pw.TextField()
    challenge = pw.TextField()
    expires_at = pw.BigIntegerField()
    used_at = pw.BigIntegerField(null=True)


class OauthToken(Base):
    token_hash = pw.TextField(primary_key=True)
    family = pw.ForeignKeyField(OauthFamily, index=False)
    kind = pw.TextField()
    scopes = pw.TextField()
    created_at = pw.BigIntegerField()
    expires_at = pw.BigIntegerField()
    used_at = pw.BigIntegerField(null=True)


MODELS: tuple[type[Base], ...] = (App, AppRedirect, AppGrant, OauthFamily, OauthCode, OauthToken)
