"""The gate as SQL: a boolean over account rows equal to `Gate.mask` for one field and audience, on both databases.

For WHERE and ORDER BY of lists and searches, so that a hidden value is never compared. It knows Anyone and the
colleague of one organization; owners, insiders and plugin vetoes are asked row by row through the gate.
It builds text from integers only and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from policies.timeline import Timeline
from policies.visibility import Gate


def visible_sql(gate: Gate, field: str, organization: int | None = None, *, account: str = "account") -> str:
    """SQL that is true where the field of the row's own record is shown: to Anyone, or to colleagues in `organization`.

    `account` is the name or alias of the account table in the statement. The text is constant for one policy version:
    build it once. An unknown field is false everywhere. Links' holds and the profile's private switch are included.
    """
    bit = gate.bit.get(field)
    if bit is None:
        return "(1 = 0)"
    groups: dict[str, list[int]] = {}
    for domain in sorted(gate.claimed):
        groups.setdefault(_domain_sql(gate.timeline(domain), bit, organization, account), []).append(domain)
    other = _domain_sql(gate.timeline(None), bit, organization, account)
    claimed = _list(gate.claimed)
    cases = [f"{account}.domain_id IN ({_list(ids)}) AND {sql}" for sql, ids in groups.items() if sql != _NEVER]
    if other != _NEVER:
        unclaimed = f"({account}.domain_id IS NULL OR {account}.domain_id NOT IN ({claimed}))" if claimed else "1 = 1"
        cases.append(f"{unclaimed} AND {other}")
    if not cases:
        return "(1 = 0)"
    return f"(({' OR '.join(f'({case})' for case in cases)}) AND {_private_sql(gate, bit, account)})"


_NEVER = "(1 = 0)"


def _domain_sql(timeline: Timeline, bit: int, organization: int | None, account: str) -> str:
    """The decision without the private switch for accounts of one timeline."""
    present = timeline.cur
    one = 1 << bit
    colleague = organization is not None and present.organization == organization
    if not (present.lock_org if colleague else present.lock_anyone) & one:
        return _NEVER
    branches = []
    for start, until, shown, same in timeline.spans(bit, colleague):
        said = "chosen_org" if colleague and same else "chosen_anyone"
        caps = ["cap_org" if colleague else "cap_anyone"]
        if colleague and not same:
            caps.append("cap_anyone")
        choice = f"({account}.{said} & {one}) <> 0"
        if shown:
            choice = f"(({account}.chosen & {one}) = 0 OR {choice})"
        held = " AND ".join(f"({account}.{column} & {one}) <> 0" for column in caps)
        links = " OR ".join(f"(linked.link_{column} & {one}) = 0" for column in caps)
        when = [f"{account}.base_version >= {start}"] if start else []
        if until is not None:
            when.append(f"{account}.base_version < {until}")
        free = f"NOT EXISTS (SELECT 1 FROM account linked WHERE linked.primary_id = {account}.id AND ({links}))"
        branches.append(" AND ".join([*when, choice, held, free]))
    return "(" + " OR ".join(f"({branch})" for branch in branches) + ")"


def _private_sql(gate: Gate, bit: int, account: str) -> str:
    """Not private, or name and picture kept. A linked account that is not silent has its profile's switch."""
    own = (
        f"({account}.private OR EXISTS "
        f"(SELECT 1 FROM account linked WHERE linked.primary_id = {account}.id AND linked.link_private))"
    )
    group = (
        "EXISTS (SELECT 1 FROM account head WHERE "
        f"head.id = {account}.primary_id AND (head.private OR EXISTS "
        "(SELECT 1 FROM account linked WHERE linked.primary_id = head.id AND linked.link_private)))"
    )
    private = f"(CASE WHEN {account}.primary_id IS NULL OR {account}.silent THEN {own} ELSE {group} END)"
    if not gate.name_and_picture >> bit & 1:
        return f"NOT {private}"
    head_keeps = f"EXISTS (SELECT 1 FROM account head WHERE head.id = {account}.primary_id AND head.keep_name)"
    keeps = f"({account}.keep_name AND ({account}.primary_id IS NULL OR {account}.silent OR {head_keeps}))"
    return f"(NOT {private} OR {keeps})"


def _list(ids: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(ids))
