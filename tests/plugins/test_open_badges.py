"""What Open Badges 3.0, its VC-JWT proof and the Bitstring Status List demand of our documents, a rule each, for any
badge of every kind. That another program accepts them is tried in tests/pages/test_credentials.py.
"""

from __future__ import annotations

import gzip
import json
import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbadgeslib.ob3.contexts import bundled_contexts

from plugins import open_badges
from policies.extending import Issuer, PublishedBadge, StatusList

ISSUER = Issuer("did:web:community.example", "Community", "https://community.example")
LIST = "https://community.example/credentials/status/3"
#: What the standard names besides "ext:…", as far as we say it.
ACHIEVEMENT_TYPES = {"Achievement", "Badge", "Certification", "Course"}
#: The registered claims that stand beside the credential in a VC-JWT.
CLAIMS = {"iss", "sub", "jti", "nbf", "exp"}
KINDS = ("milestone", "course", "certification", "designation", "badge")

moments = st.integers(0, 4_000_000_000)
badges = st.builds(
    PublishedBadge, id=st.uuids().map(lambda key: f"urn:uuid:{key}"),
    achievement=st.uuids().map(lambda key: f"urn:uuid:{key}"), name=st.text(min_size=1), why=st.text(min_size=1),
    kind=st.sampled_from((*KINDS, "something new")), holder=st.just("https://community.example/u/sally"),
    url=st.just("https://community.example/u/sally/badges"), published_at=moments,
    earned_at=st.none() | moments, status_url=st.just(LIST), status_place=st.integers(0, 131_071),
)  # fmt: skip
lists = st.builds(
    StatusList, st.just(LIST), st.binary(min_size=1, max_size=64).map(lambda some: (some * 16_384)[:16_384]), moments
)


def moment(text: str) -> int:
    """A dateTimeStamp: with its zone."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


def is_uri(text: Any) -> bool:
    return isinstance(text, str) and bool(urlsplit(text).scheme) and not re.search(r"\s", text)


@given(badges)
def test_a_credential_has_what_the_schema_requires_and_in_its_forms(badge):
    found = open_badges.credential(badge, ISSUER)
    assert {"@context", "id", "type", "issuer", "validFrom", "credentialSubject"} <= set(found)
    first, second, *more = found["@context"]                  # in this order, and both
    assert (first, more) == ("https://www.w3.org/ns/credentials/v2", [])
    assert re.fullmatch(r"https://purl\.imsglobal\.org/spec/ob/v3p0/context-3\.\d+\.\d+\.json", second)
    assert {"VerifiableCredential", "OpenBadgeCredential"} == set(found["type"])
    assert len(found["type"]) == len(set(found["type"]))
    assert is_uri(found["id"])
    assert is_uri(found["issuer"]["id"])
    assert "Profile" in found["issuer"]["type"]
    assert moment(found["validFrom"]) == badge.published_at
    if badge.earned_at is None:
        assert "awardedDate" not in found
    else:
        assert moment(found["awardedDate"]) == badge.earned_at
    assert all(is_uri(one["id"]) and "Evidence" in one["type"] for one in found["evidence"])
    assert all(one["type"] == "1EdTechJsonSchemaValidator2019" for one in found["credentialSchema"])


@given(badges)
def test_its_subject_names_a_holder_and_an_achievement_with_criteria(badge):
    subject = open_badges.credential(badge, ISSUER)["credentialSubject"]
    assert is_uri(subject["id"])
    assert "AchievementSubject" in subject["type"]
    achievement = subject["achievement"]
    assert {"id", "type", "name", "description", "criteria"} <= set(achievement)
    assert is_uri(achievement["id"])
    assert "Achievement" in achievement["type"]
    assert achievement["achievementType"] in ACHIEVEMENT_TYPES
    assert all((achievement["name"], achievement["description"], achievement["criteria"]["narrative"]))


@given(badges)
def test_its_jwt_claims_say_what_the_credential_says(badge):
    found = open_badges.credential(badge, ISSUER)
    assert found["iss"] == found["issuer"]["id"]
    assert found["sub"] == found["credentialSubject"]["id"]
    assert found["jti"] == found["id"]
    assert found["nbf"] == moment(found["validFrom"])
    assert ("exp" in found) == ("validUntil" in found)


@given(badges)
def test_its_status_entry_points_into_a_status_list(badge):
    entry = open_badges.credential(badge, ISSUER)["credentialStatus"]
    assert entry["type"] == "BitstringStatusListEntry"
    assert entry["statusPurpose"] == "revocation"
    assert isinstance(entry["statusListIndex"], str)          # a number in base 10, written as a string
    assert int(entry["statusListIndex"]) == badge.status_place >= 0
    assert entry["statusListCredential"] == LIST
    assert entry["id"] != LIST
    assert is_uri(entry["id"])


@given(lists)
def test_a_status_list_is_a_credential_of_its_own(told):
    found = open_badges.status(told, ISSUER)
    assert found["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert {"VerifiableCredential", "BitstringStatusListCredential"} == set(found["type"])
    assert found["id"] == LIST == found["jti"]
    assert found["issuer"] == ISSUER.id == found["iss"]
    assert (moment(found["validFrom"]), moment(found["validUntil"])) == (found["nbf"], found["exp"])
    assert found["nbf"] < found["exp"]
    subject = found["credentialSubject"]
    assert subject["type"] == "BitstringStatusList"
    assert subject["statusPurpose"] == "revocation"           # that of its entries
    assert type(subject["ttl"]) is int
    assert subject["ttl"] > 0
    assert subject["ttl"] / 1000 <= found["exp"] - found["nbf"]


@given(lists)
def test_its_list_is_gzip_in_multibase_base64url_without_padding(told):
    encoded = open_badges.status(told, ISSUER)["credentialSubject"]["encodedList"]
    assert encoded[0] == "u"
    assert re.fullmatch(r"u[A-Za-z0-9_-]+", encoded)
    body = encoded[1:]
    bits = gzip.decompress(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert bits == told.bits
    assert len(bits) * 8 >= 131_072


@given(badges, lists)
def test_everything_said_is_a_word_of_the_contexts(badge, told):
    """A word that no context defines means nothing to a verifier that reads JSON-LD."""
    known = {name for document in bundled_contexts().values() for name in words(document)}
    for document in (open_badges.credential(badge, ISSUER), open_badges.status(told, ISSUER)):
        said = {name for name in words(json.loads(json.dumps(document))) if not name.startswith("@")}
        assert said - known - CLAIMS == set()


def words(document: Any) -> set[str]:
    if isinstance(document, dict):
        return set(document) | {name for value in document.values() for name in words(value)}
    return {name for value in document for name in words(value)} if isinstance(document, list) else set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_badge_says_nothing_of_its_holder_but_an_address(kind):
    badge = PublishedBadge(
        "urn:uuid:1", "urn:uuid:2", "25 answers", "For 25 answers.", kind, "https://community.example/u/sally",
        "https://community.example/u/sally/badges", 1_000, None, LIST, 7,
    )  # fmt: skip
    subject = open_badges.credential(badge, ISSUER)["credentialSubject"]
    assert set(subject) == {"id", "type", "achievement"}
    assert "sally" not in json.dumps(subject["achievement"])
