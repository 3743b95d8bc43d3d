"""The fields of an account's record and the sections of a profile.

D13, S79.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.hookspecs import hookimpl
from policies.terms import Field

#: In bit order, never changed: field n has bit n.
FIELDS: tuple[Field, ...] = (
    Field("avatar", "Avatar"),
    Field("full_name", "Full name"),
    Field("job_title", "Job title", work=True),
    Field("department", "Department", work=True),
    Field("organization", "Organization", work=True),
    Field("location", "Location", work=True),
    Field("timezone", "Timezone", work=True),
    Field("email", "E-mail address"),
    Field("bio", "Bio"),
    Field("links", "Where to find me"),
    Field("products", "My products"),
    Field("stats", "Stats", section=True),
    Field("badges", "Badges", section=True),
    Field("certifications", "Certifications", section=True),
    Field("groups", "Groups", section=True),
    Field("kudos", "Kudos", section=True),
    Field("activity", "Activity", section=True),
)


@hookimpl
def register_fields() -> Sequence[Field]:
    return FIELDS
