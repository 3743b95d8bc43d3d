"""E-mail addresses: one canonical key per address (T28). Nothing is sent and nothing stored here."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from policies.errors import Invalid

_LIMIT = 254


@dataclass(frozen=True, slots=True)
class Address:
    """An address as people write it, its canonical key, and its domain in ASCII (the scope of an account)."""

    email: str
    key: str
    domain: str


def parse(raw: str, field: str = "email") -> Address:
    """Check the form of an address; no look-up in the network.

    The key folds width, case and international domains, nothing else: dots, plus signs, `ß` and `ss` make different
    people (T28).
    Errors: Invalid under `field`.
    """
    if len(raw) > 4 * _LIMIT:
        raise Invalid({field: "That address is too long."})
    text = unicodedata.normalize("NFKC", raw).strip()
    if not text:
        raise Invalid({field: "Enter your e-mail address."})
    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        raise Invalid({field: "That does not look like an e-mail address. Check it for typing errors."}) from None
    domain = found.ascii_domain.lower()
    local = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", found.local_part).lower())
    if any(unicodedata.category(character)[0] in "CZ" for character in local):
        raise Invalid({field: "There is an invisible character in that address. Take it out."})
    return Address(found.normalized, f"{local}@{domain}", domain)
