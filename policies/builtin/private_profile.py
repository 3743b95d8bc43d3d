"""What stays of a private profile: name and picture, while the member's box is ticked.

S31.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.hookspecs import hookimpl
from policies.terms import PrivateVeto


@hookimpl
def register_vetoes() -> Sequence[PrivateVeto]:
    return (PrivateVeto("private_profile", keeps=("avatar", "full_name")),)
