"""Who links whom: the table of docs/requirements.md as small named rules. A refusal is the name of a rule.

Pure: two sides and the time go in, an outcome or a rule's name comes out. What a refusal says to people is in
linking_texts.py; what a link holds back in holding.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from policies.terms import Kind

#: After a reset by mail a flagged primary's verbs wait so long (D6).
RESET_WAIT = 7 * 86_400
#: An account that asked to leave is out after so long, unless declined (D18).
LEAVE_WAIT = 7 * 86_400
#: So long after a declined request the next one cannot be declined (D18).
LEAVE_AGAIN = 30 * 86_400


class Standing(StrEnum):
    """An account's place among links. It is primary exactly while another is linked to it (S54)."""

    UNLINKED = "unlinked"
    PRIMARY = "primary"
    LINKED = "linked"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two accounts. `group`: id of its primary, or its own; `is_verified`: its address is proved.

    reset_at: when its password was last reset by mail
    objected: a linked personal account objected to what may follow that reset (D6)
    """

    account: int
    group: int
    kind: Kind
    standing: Standing
    is_verified: bool = True
    reset_at: int | None = None
    objected: bool = False

    @property
    def is_primary(self) -> bool:
        return self.standing is Standing.PRIMARY

    @property
    def is_flagged(self) -> bool:
        """A primary whose domain became verified: personal turned managed (D6)."""
        return self.is_primary and self.kind is Kind.MANAGED

    @property
    def is_free(self) -> bool:
        return self.standing is Standing.UNLINKED


class Outcome(StrEnum):
    """What linking X (logged in) and Y (proved by log-in) does."""

    JOINS_OWN = "Y is linked to X"
    JOINS_OTHER = "X is linked to Y"
    CHOOSE = "the member picks which one is primary"
    OWN_HEADS = "X becomes the primary of Y's group"
    OTHER_HEADS = "Y becomes the primary of X's group"


Rule = Callable[[Side, Side], bool]


def rule_not_itself(x: Side, y: Side) -> bool:
    """The other account is another one."""
    return x.account != y.account


def rule_not_same_group(x: Side, y: Side) -> bool:
    """The two do not share a profile already."""
    return x.group != y.group


def rule_verified(x: Side, y: Side) -> bool:
    """Both addresses are proved (T3)."""
    return x.is_verified and y.is_verified


def rule_only_primary_links(x: Side, y: Side) -> bool:
    """S48: a linked account that is not the primary links nothing."""
    return x.standing is not Standing.LINKED


def rule_not_linked_elsewhere(x: Side, y: Side) -> bool:
    """S72: the other account is not linked to another primary."""
    return y.standing is not Standing.LINKED


def rule_not_two_primaries(x: Side, y: Side) -> bool:
    """S71: at most one of them is a primary, flagged or not."""
    return not (x.is_primary and y.is_primary)


def rule_not_two_managed(x: Side, y: Side) -> bool:
    """S70: at most one of them is managed; a flagged primary is."""
    return not (x.kind is Kind.MANAGED and y.kind is Kind.MANAGED)


#: In the order they are asked.
LINK_RULES: tuple[Rule, ...] = (
    rule_not_itself, rule_not_same_group, rule_verified, rule_only_primary_links, rule_not_linked_elsewhere,
    rule_not_two_primaries, rule_not_two_managed,
)  # fmt: skip


def link_refusal(x: Side, y: Side) -> str | None:
    """The name of the first rule that refuses the link, None if it may be made."""
    return next((rule.__name__ for rule in LINK_RULES if not rule(x, y)), None)


def link_outcome(x: Side, y: Side) -> Outcome:
    """What a link that no rule refuses does."""
    if y.is_flagged:
        return Outcome.OWN_HEADS
    if x.is_flagged:
        return Outcome.OTHER_HEADS
    if y.is_primary:
        return Outcome.JOINS_OTHER
    if x.is_primary or y.kind is Kind.MANAGED:
        return Outcome.JOINS_OWN
    return Outcome.CHOOSE if x.kind is Kind.PERSONAL else Outcome.JOINS_OTHER


def wait_until(side: Side) -> int:
    """D6: until when a flagged primary whose password was reset by mail may not use its link verbs; 0: now."""
    return side.reset_at + RESET_WAIT if side.is_flagged and side.reset_at is not None else 0


def rule_flagged_waits_after_reset(side: Side, now: int) -> bool:
    """D6: after a reset by mail a flagged primary waits 7 days."""
    return now >= wait_until(side)


def rule_nobody_objected(side: Side, now: int) -> bool:
    """D6: no linked personal account objects to what the flagged primary could do after that reset."""
    return not (side.is_flagged and side.objected)


def reset_refusal(side: Side, now: int) -> str | None:
    """D6, asked of the primary before link, unlink and make primary."""
    rules = (rule_flagged_waits_after_reset, rule_nobody_objected)
    return next((rule.__name__ for rule in rules if not rule(side, now)), None)


# Rows of a group: `actor` is logged in, `target` is the row.


def rule_only_primary_unlinks(actor: Side, target: Side) -> bool:
    """S49: unlinked is from the primary's session only; leaving (D18) is another verb."""
    return actor.standing is Standing.PRIMARY and actor.account == target.group


def rule_primary_stays(actor: Side, target: Side) -> bool:
    """S56: the primary cannot be unlinked while others hang on it."""
    return not target.is_primary


def rule_only_primary_makes_primary(actor: Side, target: Side) -> bool:
    """S52: another primary is chosen from the present one's session only."""
    return rule_only_primary_unlinks(actor, target)


def rule_primary_is_another(actor: Side, target: Side) -> bool:
    """The row is not the primary already."""
    return not target.is_primary


def rule_primary_is_personal(actor: Side, target: Side) -> bool:
    """S38: only a personal account can be primary."""
    return target.kind is Kind.PERSONAL


def rule_primary_is_verified(actor: Side, target: Side) -> bool:
    """Who could not log in cannot hold the group together."""
    return target.is_verified


UNLINK_RULES: tuple[Rule, ...] = (rule_only_primary_unlinks, rule_primary_stays)
PRIMARY_RULES: tuple[Rule, ...] = (
    rule_only_primary_makes_primary, rule_primary_is_another, rule_primary_is_personal, rule_primary_is_verified,
)  # fmt: skip


def unlink_refusal(actor: Side, target: Side) -> str | None:
    """The name of the rule that refuses to unlink the row, None if it may be."""
    return next((rule.__name__ for rule in UNLINK_RULES if not rule(actor, target)), None)


def primary_refusal(actor: Side, target: Side) -> str | None:
    """The name of the rule that refuses to make the row primary, None if it may be. See also holding.make_primary."""
    return next((rule.__name__ for rule in PRIMARY_RULES if not rule(actor, target)), None)


# Leaving (D18).


def leave_is_final(declined_request_at: int | None, now: int) -> bool:
    """D18: 30 days after a request that was declined, the next one cannot be."""
    return declined_request_at is not None and now - declined_request_at >= LEAVE_AGAIN
