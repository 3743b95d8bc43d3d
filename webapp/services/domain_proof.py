"""Looking at the proof of a domain: a TXT record in its DNS, or a file served over HTTPS. Nothing is stored here.

The site asks, so an organization's admin chooses where it connects to: every look is bounded in time and size and fails
closed (T42); the file's address is resolved here, refused where it is not public, and pinned (T76).
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

from webapp.services.context import Proving

#: The record's name is this label before the domain.
LABEL = "_vitrine-challenge"
PATH = "/.well-known/vitrine-domain.txt"
#: Seconds for all questions of one look, records of one answer, seconds and bytes of the file.
DNS_SECONDS = 3.0
RECORDS = 64
FILE_SECONDS = 5.0
FILE_BYTES = 1024 * 1024
_NAT64 = ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found: one sentence for the organization's admins; `proved` only if it was the right value."""

    proved: bool
    text: str


class NothingThere(Exception):
    """A look that ended early; its text is the finding's."""


def expected(secret: str) -> str:
    """The record's value and the file's line."""
    return f"vitrine-domain={secret}"


def record_name(domain: str) -> str:
    return f"{LABEL}.{domain}"


def look(proving: Proving, domain: str, secret: str, method: str) -> Finding:
    """Look for the proof: `method` is "dns" or "https". Never raises; takes a few seconds at most."""
    try:
        if method == "dns":
            return _look_at_record(proving, domain, secret)
        return _look_at_file(proving, domain, secret)
    except NothingThere as found:
        return Finding(False, str(found))


# The record


def _look_at_record(proving: Proving, domain: str, secret: str) -> Finding:
    name = record_name(domain)
    values = [
        b"".join(record.strings).decode("utf-8", "replace").strip() for record in _ask(proving, name, "TXT")
    ]
    if expected(secret) in values:
        return Finding(True, f"The record at {name} is there.")
    if any(value.startswith("vitrine-domain=") for value in values):
        return Finding(False, f"The record at {name} holds another value.")
    return Finding(False, f"{name} has TXT records, but none of them is ours.")


def _ask(proving: Proving, name: str, kind: str, share: float = 1.0) -> list[Any]:
    """The records of one kind, in this share of the time.

    Errors: NothingThere, for everything that is not a plain answer (T42).
    """
    try:
        resolver = _resolver(proving)
        answer = resolver.resolve(dns.name.from_text(f"{name}."), kind, lifetime=DNS_SECONDS * share, search=False)
        records = list(answer)
    except dns.resolver.NXDOMAIN:
        raise NothingThere(f"There is no record at {name}. New records can take an hour to be seen.") from None
    except dns.resolver.NoAnswer:
        raise NothingThere(f"{name} has no record of type {kind}.") from None
    except dns.exception.Timeout:
        raise NothingThere(f"The DNS servers of {name} did not answer in time.") from None
    except (dns.exception.DNSException, OSError, ValueError, EOFError):
        raise NothingThere(f"The DNS gave no usable answer for {name}.") from None
    if len(records) > RECORDS:
        raise NothingThere(f"{name} has more than {RECORDS} records; take some out.")
    return records


def _resolver(proving: Proving) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not proving.nameservers)
    if proving.nameservers:
        resolver.nameservers = [_nameserver(one) for one in proving.nameservers]
    resolver.cache = None
    resolver.timeout = DNS_SECONDS / 2
    return resolver


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    """ "address", "address:port" or "[address]:port"."""
    host, colon, port = text.rpartition(":")
    if not colon or ("[" not in text and text.count(":") > 1):
        return dns.nameserver.Do53Nameserver(text.strip("[]"))
    return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))


# The file


def _look_at_file(proving: Proving, domain: str, secret: str) -> Finding:
    where = f"https://{domain}{PATH}"
    address = address_of(proving, domain)
    status, body = _fetch(proving, domain, address, where)
    if status != 200:
        told = "leads elsewhere, which is not followed" if 300 <= status < 400 else f"answered {status}"
        return Finding(False, f"{where} {told}.")
    lines = body.decode("utf-8", "replace").splitlines()
    if expected(secret) in [line.strip() for line in lines]:
        return Finding(True, f"The file at {where} is there.")
    return Finding(False, f"The file at {where} does not hold our line.")


def address_of(proving: Proving, domain: str) -> Address:
    """One address to connect to; every address of the name must be one that may be connected to (T76)."""
    found: list[Address] = []
    problem = ""
    for kind in ("A", "AAAA"):
        try:
            found += [ip_address(record.address) for record in _ask(proving, domain, kind, 0.5)]
        except NothingThere as nothing:
            problem = problem or str(nothing)
    if not found:
        raise NothingThere(f"{domain} has no address. {problem}".strip())
    if not all(is_open(proving, address) for address in found):
        raise NothingThere(f"{domain} has an address in a private network, which is not connected to.")
    return found[0]


def is_open(proving: Proving, address: Address) -> bool:
    """Whether the site may connect there: a public address, or one of a network that the operator named."""
    if any(address in ip_network(network) for network in proving.private_networks):
        return True
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_open(proving, inner)
        if address in _NAT64 or address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class Pinned(HTTPSConnection):
    """A connection to one address, for the name that its certificate must have, which ends at its time."""

    end: threading.Timer | None = None
    ran_out = False

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        watched = made.dup()        # TLS takes the socket over: a second handle on the same connection ends it

        def run_out() -> None:
            self.ran_out = True
            stop()

        def stop() -> None:
            with suppress(OSError):     # it ended by itself
                watched.shutdown(socket.SHUT_RDWR)
            watched.close()

        self.end = threading.Timer(FILE_SECONDS, run_out)
        self.end.daemon = True
        self.end.start()
        self.stop = stop
        return made

    def finish(self) -> None:
        """Let go of everything at once."""
        self.close()
        if self.end is not None and self.end.is_alive():
            self.end.cancel()
            self.stop()


def _fetch(proving: Proving, domain: str, address: Address, where: str) -> tuple[int, bytes]:
    """(status, body) of one GET without redirects. Errors: NothingThere."""
    connection = Pinned(
        str(address), proving.https_port, server_hostname=domain, assert_hostname=domain, cert_reqs="CERT_REQUIRED",
        ca_certs=str(proving.ca_file) if proving.ca_file else None, timeout=FILE_SECONDS,
    )  # fmt: skip
    headers = {"Host": domain, "Accept": "text/plain", "Accept-Encoding": "identity", "User-Agent": "vitrine-domain"}
    try:
        connection.request("GET", PATH, headers=headers, preload_content=False)
        response = connection.getresponse()
        body = response.read(FILE_BYTES + 1, decode_content=False)
        if len(body) > FILE_BYTES:
            raise NothingThere(f"The file at {where} is far too large.")
        if connection.ran_out:      # a connection cut in the middle reads like the end of the file
            raise TimeoutError
        return int(response.status), body
    except (urllib3.exceptions.SSLError, ssl.SSLError, CertificateError):
        raise NothingThere(f"{domain} has no valid certificate, or broke the connection off.") from None
    except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError):
        raise NothingThere(f"{where} could not be fetched in {FILE_SECONDS:.0f} seconds.") from None
    finally:
        connection.finish()
