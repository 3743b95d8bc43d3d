"""Published badges as Open Badges 3.0 credentials (W3C Verifiable Credentials 2.0), with a Bitstring Status List.

The example of `register_credentials`: it makes the claims, the core signs them as VC-JWT (RS256, which every verifier
of Open Badges has to know) and serves them. A credential names its holder by the address of the profile, nothing else.
Its status is "revoked" once the badge is not published, not earned, hidden from Anyone or its profile private, all
alike, and for good: when the badge shows again it has another credential. So that no list tells how many badges are
hidden, its places that are nobody's read revoked too.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from policies import hookimpl
from policies.extending import CredentialForm, Issuer, PublishedBadge, StatusList

VC = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
#: For how long a verifier may keep a status list, in seconds.
KEEP = 300
_TYPES = {
    "milestone": "Achievement", "course": "Course", "certification": "Certification", "designation": "Certification",
    "badge": "Badge",
}  # fmt: skip


def credential(badge: PublishedBadge, issuer: Issuer) -> Mapping[str, Any]:
    """An AchievementCredential with the registered claims beside it."""
    return {
        "@context": [VC, OPEN_BADGES],
        "id": badge.id,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": badge.name,
        "issuer": {"id": issuer.id, "type": ["Profile"], "name": issuer.name, "url": issuer.url},
        "validFrom": _moment(badge.published_at),
        **({"awardedDate": _moment(badge.earned_at)} if badge.earned_at is not None else {}),
        "credentialSubject": {
            "id": badge.holder,
            "type": ["AchievementSubject"],
            "achievement": {
                "id": badge.achievement,
                "type": ["Achievement"],
                "achievementType": _TYPES.get(badge.kind, "Achievement"),
                "name": badge.name,
                "description": badge.why,
                "criteria": {"narrative": badge.why},
            },
        },
        "evidence": [{"id": badge.url, "type": ["Evidence"]}],
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
        "credentialStatus": {
            "id": f"{badge.status_url}#{badge.status_place}", "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation", "statusListIndex": str(badge.status_place),
            "statusListCredential": badge.status_url,
        },
        "iss": issuer.id, "sub": badge.holder, "jti": badge.id, "nbf": badge.published_at,
    }  # fmt: skip


def status(found: StatusList, issuer: Issuer) -> Mapping[str, Any]:
    """A BitstringStatusListCredential, good for a short while."""
    packed = base64.urlsafe_b64encode(gzip.compress(found.bits, mtime=0)).rstrip(b"=").decode()
    return {
        "@context": [VC],
        "id": found.url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer.id,
        "validFrom": _moment(found.at),
        "validUntil": _moment(found.at + 2 * KEEP),
        "credentialSubject": {
            "id": f"{found.url}#list", "type": "BitstringStatusList", "statusPurpose": "revocation",
            "encodedList": f"u{packed}", "ttl": KEEP * 1000,
        },
        "iss": issuer.id, "jti": found.url, "nbf": found.at, "exp": found.at + 2 * KEEP,
    }  # fmt: skip


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@hookimpl
def register_credentials() -> tuple[CredentialForm, ...]:
    """The one form."""
    return (CredentialForm("Open Badges 3.0", credential, status),)
