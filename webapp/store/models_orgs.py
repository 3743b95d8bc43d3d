"""The tables of organizations that models.py has no room for, as models: invitations and notices to members."""

from __future__ import annotations

import peewee as pw

from webapp.store.models_base import Base


class Invitation(Base):
    """An invitation to administer an organization, mailed to one address; of its token only the SHA-256 is kept."""

    id = pw.BigAutoField()
    organization_id = pw.BigIntegerField()
    email = pw.TextField()
    email_key = pw.TextField()
    token_hash = pw.TextField(unique=True)
    created_at = pw.BigIntegerField()
    expires_at = pw.BigIntegerField()
    invited_by = pw.BigIntegerField(null=True)
    accepted_at = pw.BigIntegerField(null=True)
    revoked_at = pw.BigIntegerField(null=True)


class DomainNotice(Base):
    """Mails still to be written to the members of a domain that was verified or let go: those after `after_id`."""

    id = pw.BigAutoField()
    domain_id = pw.BigIntegerField()
    organization_id = pw.BigIntegerField()
    managed = pw.BooleanField()
    after_id = pw.BigIntegerField(default=0)
    upto_id = pw.BigIntegerField()
    created_at = pw.BigIntegerField()


MODELS: tuple[type[Base], ...] = (Invitation, DomainNotice)
