"""Link and unlink are the identity (S51) with rows about both accounts in every table there is, new ones too."""

from __future__ import annotations

import re
from typing import Any

import peewee as pw
import pytest

from tests.conftest import NOW
from tests.factories import make_domain, make_organization
from tests.services import linkers as by
from tests.services import people
from webapp.services import linking, people_index, webhooks
from webapp.services.context import Context
from webapp.store import models

#: Columns that hold the id of an account without a foreign key.
NAMES_ONE = re.compile(r"(account|actor|subject|owner|profile|receiver|giver)(_id)?$|_by$")
#: Written by the services that the test calls, or kept out of the comparison.
MADE = by.EXEMPT | {
    "account", "handle", "email_domain", "organization", "people", "policy_state", "policy_change", "field_bit",
    "site_setting", "link_guard",
}  # fmt: skip
#: Columns that hold the id of a row of another table without a foreign key of the models.
LEADS_TO = {f"{model._meta.table_name}_id": model for model in models.MODELS} | {"domain_id": models.EmailDomain}
#: Columns whose values the database checks.
VALUES: dict[str, Any] = {
    "app.type": "community", "app.owner": None, "badge_rule.state": "on", "badge_rule.needs": "[]",
    "badge_run.mode": "nightly", "activity_year.days": "[]",
    "held.kind": "course", "membership.role": "admin", "source.area": "forum", "plugin.state": "on",
    "oauth_token.kind": "access", "app.scopes": "me:read", "policy_draft.changes": "[]", "activity.kind": "answer",
    "webhook_delivery.event": "profile.changed", "visibility_decline.level": 1,
    "visibility_decline.bit": 3, "badge_run.rule": "name-1", "badge_revoked.rule": "name-1",
}  # fmt: skip


def fill(ctx: Context, accounts: tuple[int, int]) -> None:
    """A row about each of the accounts in every table that is empty, whatever it is for."""
    for model in models.MODELS:
        if model._meta.table_name not in MADE:
            for account in accounts:
                a_row(model, account, accounts)
    ctx.db.execute("UPDATE webhook SET url = 'https://app.example/hook'")


def a_row(model: type[pw.Model], account: int, accounts: tuple[int, int]) -> Any:
    """One row with a value in every column that has no default."""
    table, values = model._meta.table_name, {}
    for number, (name, field) in enumerate(model._meta.fields.items()):
        key = f"{table}.{name}"
        other = accounts[0] if account == accounts[1] else accounts[1]
        if key in VALUES:
            values[name] = VALUES[key]
        elif isinstance(field, pw.ForeignKeyField):
            if field.rel_model is models.Account:
                values[name] = other if account in values.values() else account
            elif not field.null or field.primary_key:
                found = field.rel_model.select().order_by(*field.rel_model._meta.get_primary_keys()).dicts().first()
                values[name] = next(iter(found.values())) if found else a_row(field.rel_model, account, accounts)
        elif NAMES_ONE.search(name) and isinstance(field, pw.BigIntegerField):
            values[name] = account
        elif name in LEADS_TO and not field.null:
            values[name] = LEADS_TO[name].select().limit(1).get().id
        elif isinstance(field, pw.AutoField | pw.BigAutoField) or field.default is not None or field.null:
            continue
        elif isinstance(field, pw.BlobField):
            values[name] = b"x"
        elif isinstance(field, pw.BooleanField):
            values[name] = False
        elif isinstance(field, pw.BigIntegerField | pw.IntegerField):
            values[name] = 100 * account + number
        else:
            values[name] = f"{name}-{account}"
    model.insert(**values).on_conflict_ignore().execute()
    keys = model._meta.get_primary_keys()
    return getattr(model.select().order_by(*keys).get(), keys[0].name) if len(keys) == 1 else None


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("kind", ["personal", "managed"])
def test_s51_link_and_unlink_leave_every_table_as_it_was(ctx: Context, kind: str, silent: bool) -> None:
    ann = by.member(ctx.db, "ann", answers=27, bio="I help.")
    bob = by.member(ctx.db, "bob", kind, answers=57, private=silent)
    people.gave(ctx.db, ann, bob)
    make_organization(ctx.db, "third")
    make_domain(ctx.db, "third.example")
    fill(ctx, (ann, bob))
    session = by.log_in(ctx, ann)
    people_index.rebuild(ctx)
    webhooks.notice(ctx, NOW)
    before = by.dump(ctx.db)
    empty = {name for name, rows in before.items() if not rows}
    assert not empty & {model._meta.table_name for model in models.MODELS}, "compared is nothing there"
    choice = {"primary_choice": by.pick(ctx, session, ann)} if kind == "personal" else {}
    session = by.link(ctx, session, "bob", silent=silent, **choice)
    assert by.dump(ctx.db) != before
    linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    after = by.dump(ctx.db)
    assert {name for name in before if before[name] != after[name]} == set()
