"""The export as an application writes it whose lists are peewee models: the other side of export.py (G11).

It does the same job: the same limit counted and committed (its commit waits for the disk, as commits do unless told
otherwise), the same files with the same rows (export.py compares them), each field and each other person's name
decided, here by a pluggy call, formulas neutralised in CSV. It is written as the mapper's documentation shows it:
`select` over one model for each list, a foreign key followed where it is used, each list held whole, json and
DictWriter, an archive in memory as zipfile makes it unasked. It asks less than ours of who is on the other side of
kudos: not whether an account linked to them keeps them private.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pluggy
from playhouse.shortcuts import model_to_dict

from policies.terms import Level
from webapp.services import export, throttle
from webapp.services.audit_own import HIDDEN, describe, labels_of
from webapp.services.context import Context
from webapp.services.export_files import neutral
from webapp.services.notes import LIVE
from webapp.services.rows import KINDS
from webapp.services.sessions import Session
from webapp.services.visibility_views import LEVELS
from webapp.store import export as store
from webapp.store import models, profiles
from webapp.store.audit_own import Entry
from webapp.store.models_apps import AppGrant
from webapp.store.models_plugins import FieldValue
from webapp.store.models_shipped import Credential

_spec, _impl = pluggy.HookspecMarker("plain"), pluggy.HookimplMarker("plain")
_DATES = ("created_at", "member_since", "email_verified_at", "terms_at")
_FLAGS = ("searchable", "private", "keep_name")


class _Hooks:
    @_spec(firstresult=True)
    def level(self, account: models.Account, bit: int, name: str) -> Level | None:
        """Who sees the field; None: another plugin says."""
        return None


class _Choice:
    @_impl(tryfirst=True)
    def level(self, account: models.Account, bit: int) -> Level | None:
        if not account.chosen >> bit & 1:
            return None
        return Level.ANYONE if account.chosen_anyone >> bit & 1 else Level.ONLY_YOU


class _Default:
    def __init__(self, levels: dict[str, Level]) -> None:
        self.levels = levels

    @_impl
    def level(self, name: str) -> Level:
        return self.levels[name]


class Plain:
    """The application; `now`: the moment of the exports. Called with a session it answers with the archive."""

    def __init__(self, ctx: Context, now: int) -> None:
        gate = ctx.gate()
        group = profiles.load_group_of(ctx.db, store_id(ctx))
        assert group is not None
        self.now, self.base_url, self.labels, self.bit = now, ctx.site.base_url, labels_of(ctx), gate.bit
        manager = pluggy.PluginManager("plain")
        manager.add_hookspecs(_Hooks)
        manager.register(_Choice())
        manager.register(_Default(gate.levels(group.subject(group.asked))))
        self.ask = manager.hook.level

    def __call__(self, session: Session) -> bytes:
        self.count(session)
        account = models.Account.get_by_id(session.account_id)
        lists = self.lists(session, account)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", f"Your data\n{', '.join(lists)}\n")
            for name, rows in lists.items():
                archive.writestr(f"{account.handle}/{name}.json", json.dumps(rows, ensure_ascii=False))
                text = io.StringIO()
                writer = csv.DictWriter(text, list(rows[0]) if rows else [])
                writer.writeheader()
                writer.writerows({column: neutral(value) for column, value in row.items()} for row in rows)
                archive.writestr(f"{account.handle}/{name}.csv", text.getvalue())
        return data.getvalue()

    def count(self, session: Session) -> None:
        """An account may ask so often (LIMIT)."""
        key = throttle.key(export.LIMIT, str(session.account_id))
        with models.Throttle._meta.database.atomic():
            row = models.Throttle.get_or_none(models.Throttle.key == key)
            if row is None or row.until <= self.now:
                models.Throttle.replace(key=key, count=1, until=self.now + export.LIMIT.window).execute()
                return
            row.count += 1
            row.save()
        if row.count > export.LIMIT.count:
            raise throttle.TooMany("Too often.", "", row.until - self.now)

    def person(self, account: models.Account | None) -> tuple[str, str | None]:
        """Whoever gave or got kudos: the profile that they lead to, named as Anyone sees it."""
        if account is None:
            return "A member", None
        face = account
        if account.primary_id is not None and not account.silent:
            face = models.Account.get_by_id(account.primary_id)
        if face.state not in LIVE or face.private:
            return "A member", None
        name = "full_name"
        is_named = self.ask(account=face, bit=self.bit[name], name=name) is Level.ANYONE
        return (face.full_name if is_named else face.public_name), f"{self.base_url}/u/{face.handle}"

    def lists(self, session: Session, account: models.Account) -> dict[str, list[dict[str, Any]]]:
        """Every list, whole."""
        number = account.id
        columns = model_to_dict(account, recurse=False)
        levels = {
            field.name: self.ask(account=account, bit=field.bit, name=field.name)
            for field in models.FieldBit.select() if field.name in self.bit
        }
        # To its owner every level shows.
        record = {"public_name": account.public_name}
        record |= {name: columns[name] for name in profiles.COLUMNS if levels[name] is not None}
        record |= {row.name: row.value for row in FieldValue.select().where(FieldValue.account_id == number)}
        kudos, audit = models.Kudos, models.Audit

        def notes(side: str, rows: Any, other: str) -> list[dict[str, Any]]:
            told = []
            for row in rows.order_by(kudos.at):
                name, page = self.person(getattr(row, other))
                told.append({
                    "at": _moment(row.at), side: name, "page": page, "category": row.category, "message": row.message,
                })
            return told

        history = [
            (row, describe(Entry(row.id, row.at, row.event, row.actor_id, json.loads(row.detail)), number, self.labels))
            for row in audit.select().where(audit.subject_id == number).order_by(audit.at.desc(), audit.id.desc())
            if row.event not in HIDDEN
        ]
        return {
            "account": [
                {"what": name, "value": _moment(columns[name]) if name in _DATES
                 else bool(columns[name]) if name in _FLAGS else columns[name]}
                for name in store.Account._fields
            ],
            "record": [{"field": name, "value": value} for name, value in record.items()],
            "visibility": [
                {"field": name, "level": LEVELS[level][1], "chosen": bool(account.chosen >> self.bit[name] & 1)}
                for name, level in levels.items()
            ],
            "handles": [
                {"handle": row.handle, "since": _moment(row.since)}
                for row in models.Handle.select().where(models.Handle.account == account)
            ],
            "sources": [
                {"source": row.source.label, "name": row.actor, "since": _moment(row.created_at)}
                for row in models.Identity.select().where(models.Identity.account == account)
            ],
            "roles": [
                {"organization": row.organization.name, "role": row.role, "since": _moment(row.since)}
                for row in models.Membership.select().where(models.Membership.account == account)
            ],
            "activity": [
                {"at": _moment(row.at), "source": row.source.label, "kind": row.kind,
                 "what": KINDS[row.kind][1], "title": row.title, "about": row.object, "url": row.url,
                 "listed": row.listed}
                for row in models.Activity.select().where(models.Activity.account == account).order_by(
                    models.Activity.kind, models.Activity.at, models.Activity.id
                )
            ],
            "earned": [
                {"kind": row.kind, "title": row.title, "item": row.item,
                 "source": row.source.label if row.source else None, "at": _moment(row.at), "until": _moment(row.until),
                 "url": row.url}
                for row in models.Held.select().where(models.Held.account == account).order_by(
                    models.Held.kind, models.Held.at, models.Held.item
                )
            ],
            "published-badges": [
                {"badge": row.badge, "credential": f"urn:uuid:{row.key}", "since": _moment(row.published_at),
                 "ended": _moment(row.ended_at)}
                for row in Credential.select().where(Credential.account_id == number)
            ],
            "kudos-received": notes("from", kudos.select().where(kudos.receiver == account), "giver"),
            "kudos-given": notes("to", kudos.select().where(kudos.giver == account), "receiver"),
            "sessions": [
                {"device": row.device, "since": _moment(row.created_at), "last_used": _moment(row.seen_at),
                 "this_one": row.id == session.session_id}
                for row in models.LoginSession.select().where(models.LoginSession.account == account)
            ],
            "history": [{"at": _moment(row.at), "what": told.what, "more": told.more} for row, told in history],
            "acts": [
                {"at": _moment(row.at), "what": row.event}
                for row in audit.select().where((audit.actor_id == number) & (audit.subject_id != number))
            ],
            "linked-accounts": [
                {"handle": row.handle, "email": row.email, "kind": "personal", "primary": False,
                 "numbers_only": row.silent, "since": _moment(row.linked_at)}
                for row in models.Account.select().where(models.Account.primary_id == number)
            ],
            "apps": [
                {"name": row.app.name, "by": row.app.owner.public_name,
                 "looks_up_members": "profiles:read" in row.scopes, "reads_my_record": "me:read" in row.scopes,
                 "given_fields": "", "since": _moment(row.created_at), "last_used": _moment(row.used_at)}
                for row in AppGrant.select().where(AppGrant.account == account)
            ],
        }  # fmt: skip


def store_id(ctx: Context) -> int:
    """Some member, for what the defaults are; nobody has chosen anything in this world."""
    row = ctx.db.row("SELECT MAX(id) FROM account")
    assert row is not None
    return int(row[0])


def _moment(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
