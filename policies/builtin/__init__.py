"""The core's own behaviour, written as ordinary plugins: what a foreign plugin can do, these do, and nothing more."""

from __future__ import annotations

from policies.builtin import fields, levels, managed, milestones, personal, private_profile

#: Loaded first, in this order, under these names.
BUILTIN: tuple[tuple[str, object], ...] = (
    ("fields", fields),
    ("personal", personal),
    ("managed", managed),
    ("private_profile", private_profile),
    ("milestones", milestones),
    ("levels", levels),
)
