"""Sending webhooks: signed, to a pinned public address, no redirects, in 5 seconds, again with growing pauses (T76).

The address's host is resolved here and now and refused where it is not public; the connection goes to exactly that
address. What is sent says which account and what kind of event, nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from dataclasses import replace
from http.client import HTTPException
from urllib.parse import urlsplit

import urllib3
from urllib3.util.ssl_match_hostname import CertificateError

from webapp.services.context import Context
from webapp.services.domain_proof import FILE_BYTES, FILE_SECONDS, NothingThere, Pinned, address_of
from webapp.store import webhooks as store
from webapp.store.webhooks import Delivery

#: Seconds before each further attempt; after the last one the event is dropped.
PAUSES = (10, 60, 300, 1800, 7200, 21_600, 43_200, 86_400)
#: As many deliveries as are taken at once, and seconds that they are nobody else's: longer than all of them can take.
LIMIT = 20
LEASE = 300


def signing_key(ctx: Context, salt: str) -> str:
    """The key that signs an app's webhooks; it stands in no table."""
    made = hmac.digest(ctx.site.secret_key.encode(), b"webhook:" + salt.encode(), "sha256")
    return "whsec_" + base64.urlsafe_b64encode(made).decode().rstrip("=")


def sign(key: str, at: int, body: bytes) -> str:
    """The header that proves where a webhook comes from, and when it was sent."""
    return f"t={at},v1={hmac.new(key.encode(), b'%d.%s' % (at, body), hashlib.sha256).hexdigest()}"


def send_due(ctx: Context, now: int) -> int:
    """Send what is due; how many were taken."""
    taken = 0
    for delivery in store.claim(ctx.db, now, LEASE, LIMIT):
        problem = _send(ctx, delivery, now)
        with ctx.db.transaction():
            if not problem:
                taken += 1
                store.done(ctx.db, delivery, now)
            else:
                tries = delivery.attempts
                store.postpone(ctx.db, delivery, now + PAUSES[tries - 1] if tries <= len(PAUSES) else None, problem)
    return taken


def _send(ctx: Context, delivery: Delivery, now: int) -> str:
    """Why it was not taken, or an empty text."""
    body = json.dumps({
        "id": delivery.key, "type": delivery.event, "accountId": delivery.public_id, "createdAt": delivery.created_at,
    }).encode()  # fmt: skip
    parts = urlsplit(delivery.url)
    host, proving = parts.hostname or "", ctx.site.proving
    # Any member may name an address: a network that is open for proofs of domains is not open for this.
    proving = replace(proving, private_networks=proving.hook_networks)
    try:
        address = address_of(proving, host)
    except NothingThere as nothing:
        return str(nothing)
    connection = Pinned(
        str(address), parts.port or proving.https_port, server_hostname=host, assert_hostname=host,
        cert_reqs="CERT_REQUIRED", ca_certs=str(proving.ca_file) if proving.ca_file else None, timeout=FILE_SECONDS,
    )  # fmt: skip
    headers = {
        "Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "vitrine-webhook",
        "Vitrine-Signature": sign(signing_key(ctx, delivery.salt), now, body),
    }  # fmt: skip
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body=body, headers=headers, preload_content=False)
        response = connection.getresponse()
        if len(response.read(FILE_BYTES + 1, decode_content=False)) > FILE_BYTES:
            return "The answer was far too large."
        if connection.ran_out:
            raise TimeoutError
        return "" if 200 <= response.status < 300 else f"It answered {response.status}."
    except (urllib3.exceptions.SSLError, ssl.SSLError, CertificateError):
        return f"{host} has no valid certificate, or broke the connection off."
    except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError):
        return f"It could not be reached in {FILE_SECONDS:.0f} seconds."
    finally:
        connection.finish()
