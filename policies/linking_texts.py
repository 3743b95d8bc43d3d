"""What a refusal of linking.py says: the problem, and what to do about it. No text names another primary or profile."""

from __future__ import annotations

from collections.abc import Mapping

from policies.errors import Refused

#: rule -> (problem, fix)
TEXTS: Mapping[str, tuple[str, str]] = {
    "rule_not_itself": (
        "This is the account you are logged in to.", "Log in to the other account that you want to link."
    ),
    "rule_not_same_group": (
        "These accounts share one profile already.", "To link a further account, log in to that one."
    ),
    "rule_verified": (
        "An account can be linked only when its e-mail address is confirmed.",
        "Open the link in the mail that was sent there, then link it.",
    ),
    "rule_only_primary_links": (
        "This account is linked to a primary account.", "Log in to your primary account to link more."
    ),
    "rule_not_linked_elsewhere": (
        "That account already has a primary account.",
        "Unlink it from the other primary account, then come back and link it here.",
    ),
    "rule_not_two_primaries": (
        "Both accounts are primary. A profile can have only one.",
        "Remove the linked accounts from one of them, so that it is no longer a primary, then try again.",
    ),
    "rule_not_two_managed": (
        "Both accounts are managed by an organization.",
        "Create a personal primary account first, then link both to it.",
    ),
    "rule_choose_primary": ("One of the two accounts has to be the primary.", "Pick which one."),
    "rule_flagged_waits_after_reset": (
        "The primary's password was reset by mail, so its links cannot be changed for seven days.",
        "Wait until they are over. The owners of the linked accounts were told.",
    ),
    "rule_nobody_objected": (
        "The owner of a linked account objected after the primary's password was reset by mail.",
        "Log in to a linked personal account to withdraw the objection.",
    ),
    "rule_only_primary_unlinks": (
        "Accounts are unlinked from the primary account.",
        "Log in to your primary account, or ask to take this account out.",
    ),
    "rule_primary_stays": (
        "The primary cannot be unlinked while other accounts are linked to it.",
        "Make another personal account the primary first, or unlink the others.",
    ),
    "rule_only_primary_makes_primary": (
        "Another primary is chosen from the present one.", "Log in to your primary account."
    ),
    "rule_primary_is_another": (
        "This account is the primary already.", "Choose another personal account if you want to change it."
    ),
    "rule_primary_is_personal": (
        "Only a personal account can be the primary.",
        "Choose an account with an e-mail address of your own.",
    ),
    "rule_primary_is_verified": (
        "This account cannot be used to log in at the moment.", "Choose another personal account."
    ),
    "rule_primary_is_shown": (
        "This account is not shown as part of the profile.",
        "Show it as part of the profile first, then make it the primary.",
    ),
    "rule_managed_session_is_weakest": (
        "This account is managed by an organization, which can get into it.",
        "Log in to your primary account to change this.",
    ),
    "rule_is_linked": ("This account is not linked.", "Load the page again to see which accounts are."),
    "rule_primary_does_not_leave": (
        "The primary holds the group together and cannot leave it.",
        "Make another personal account the primary first, or unlink the others.",
    ),
    "rule_primary_closes_last": (
        "Other accounts are linked to this one.",
        "Make another personal account the primary first, or unlink the others.",
    ),
    "rule_asked_already": ("You have asked to take this account out already.", "Wait for the day that you were told."),
    "rule_asks_again_later": (
        "The primary declined not long ago.", "Ask again 30 days after that; it cannot be declined then."
    ),
    "rule_leave_can_be_declined": (
        "This request cannot be declined any more.", "Wait for the day that you were told, or unlink the account now."
    ),
    "rule_may_object": ("There is nothing to object to.", "Load the page again to see how your accounts stand."),
}


def refused(rule: str) -> Refused:
    """The refusal of that rule, to be raised."""
    return Refused(rule, *TEXTS[rule])
