"""What the database itself refuses, whoever asks: one statement per rule, on both engines."""

from __future__ import annotations

import peewee
import pytest

from tests.conftest import NOW
from tests.factories import link, make_account, make_domain, make_organization


@pytest.fixture
def two(db):
    return make_account(db, "sally"), make_account(db, "sam")


def refused(db, sql, params=()):
    with pytest.raises(peewee.IntegrityError):
        with db.transaction():
            db.execute(sql, params)


def test_i1_no_account_is_linked_to_itself(db, two):
    refused(db, "UPDATE account SET primary_id = id, linked_at = 1 WHERE id = ?", two[:1])


def test_i1_no_account_is_linked_to_nobody(db, two):
    refused(db, "UPDATE account SET primary_id = 999999, linked_at = 1 WHERE id = ?", two[:1])


def test_i2_no_account_is_linked_to_one_that_is_linked(db, two):
    third = make_account(db, "third")
    link(db, two[1], two[0])
    refused(db, "UPDATE account SET primary_id = ? WHERE id = ?", (two[1], third))


def test_i2_a_primary_cannot_be_linked_away_from_its_accounts(db, two):
    third = make_account(db, "third")
    link(db, two[1], two[0])
    refused(db, "UPDATE account SET primary_id = ? WHERE id = ?", (third, two[0]))


def test_only_a_linked_account_is_silent_or_holds_something_private(db, two):
    refused(db, "UPDATE account SET silent = TRUE WHERE id = ?", two[:1])
    refused(db, "UPDATE account SET link_private = TRUE WHERE id = ?", two[:1])


def test_a_wider_audience_includes_the_narrower(db, two):
    """S78: what Anyone sees the organization sees, in choices and in what is held back."""
    refused(db, "UPDATE account SET chosen = 1, chosen_anyone = 1, chosen_org = 0 WHERE id = ?", two[:1])
    refused(db, "UPDATE account SET chosen = 0, chosen_org = 1 WHERE id = ?", two[:1])
    refused(db, "UPDATE account SET cap_anyone = 3, cap_org = 1 WHERE id = ?", two[:1])


def test_addresses_and_handles_are_given_once(db, two):
    refused(db, "UPDATE account SET email_key = 'sam@home.example' WHERE id = ?", two[:1])
    refused(db, "UPDATE account SET handle = 'sam' WHERE id = ?", two[:1])
    refused(db, "INSERT INTO handle(handle, account_id, since) VALUES ('sam', ?, 1)", two[:1])


def test_s82_a_public_name_is_never_empty(db, two):
    refused(db, "UPDATE account SET public_name = '' WHERE id = ?", two[:1])


def test_a_bio_has_at_most_two_thousand_characters(db, two):
    db.execute("UPDATE account SET bio = ? WHERE id = ?", ("é" * 2000, two[0]))
    refused(db, "UPDATE account SET bio = ? WHERE id = ?", ("é" * 2001, two[0]))


@pytest.mark.parametrize(
    "counter", ["answers", "accepted_solutions", "articles", "likes_received", "total_posts", "peer_kudos"]
)
def test_no_counter_falls_below_nothing(db, two, counter):
    refused(db, f"UPDATE counter SET {counter} = -1 WHERE account_id = ?", two[:1])


def test_i8_an_event_of_a_source_is_there_once(db, two):
    db.execute("INSERT INTO source(id, name, label, area, created_at) VALUES (1, 's', 'S', 'forum', 1)")
    db.execute("INSERT INTO identity(id, source_id, actor, account_id, created_at) VALUES (1, 1, 'a', ?, 1)", two[:1])
    event = (
        "INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, listed)"
        " VALUES (1, 'e', 1, ?, 'answer', 1, TRUE)"
    )
    db.execute(event, two[:1])
    refused(db, event, two[:1])
    refused(db, "INSERT INTO identity(source_id, actor, created_at) VALUES (1, 'a', 1)")


def test_d21_a_buried_identity_belongs_to_nobody(db, two):
    db.execute("INSERT INTO source(id, name, label, area, created_at) VALUES (1, 's', 'S', 'forum', 1)")
    refused(db, "INSERT INTO identity(source_id, actor, account_id, buried_at, created_at) VALUES (1, 'a', ?, 1, 1)",
            two[:1])


def test_nobody_gives_kudos_to_themselves(db, two):
    refused(db, "INSERT INTO kudos(receiver_id, giver_id, at) VALUES (?, ?, 1)", (two[0], two[0]))


def test_s76_a_domain_is_verified_exactly_while_it_is_an_organizations(db):
    domain = make_domain(db, "free.example")
    acme = make_organization(db)
    refused(db, "UPDATE email_domain SET organization_id = ? WHERE id = ?", (acme, domain))
    refused(db, "UPDATE email_domain SET verified_at = ? WHERE id = ?", (NOW, domain))


@pytest.mark.parametrize(
    ("column", "value"), [("state", "gone"), ("domain_id", 999999), ("base_version", None), ("email", None)]
)
def test_an_account_is_whole(db, two, column, value):
    """States are the known ones, domains exist, an address and its key come together."""
    refused(db, f"UPDATE account SET {column} = ? WHERE id = ?", (value, two[0]))
