"""The look at a domain's proof: T42 (spoofed and broken DNS) and T76 (where the site connects to), on real servers."""

from __future__ import annotations

import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.net import Site, Zone, dns_server, https_server
from webapp.services import domain_proof
from webapp.services.context import Proving

DOMAIN = "acme.example"
NAME = "_vitrine-challenge.acme.example"
SECRET = "5ec2e7"
VALUE = f"vitrine-domain={SECRET}"


@pytest.fixture
def zone():
    with dns_server() as zone:
        yield zone


@pytest.fixture
def soon(monkeypatch):
    """The same limits, sooner."""
    assert (domain_proof.DNS_SECONDS, domain_proof.FILE_SECONDS) == (3.0, 5.0)
    monkeypatch.setattr(domain_proof, "DNS_SECONDS", 0.6)
    monkeypatch.setattr(domain_proof, "FILE_SECONDS", 0.5)


@pytest.fixture
def site(tmp_path: Path):
    with https_server(tmp_path, DOMAIN) as site:
        yield site


def by_record(zone: Zone) -> domain_proof.Finding:
    return domain_proof.look(Proving((zone.address,)), DOMAIN, SECRET, "dns")


def by_file(zone: Zone, site: Site, networks: tuple[str, ...] = ("127.0.0.0/8",)) -> domain_proof.Finding:
    proving = Proving((zone.address,), networks, site.ca_file, site.port)
    return domain_proof.look(proving, DOMAIN, SECRET, "https")


# The record


def test_the_record_proves(zone):
    zone.put(NAME, "TXT", "v=spf1 -all", VALUE)
    assert by_record(zone).proved


def test_a_record_of_several_strings_is_one_value(zone):
    zone.put(NAME, "TXT", [VALUE[:9].encode(), VALUE[9:].encode()])
    assert by_record(zone).proved


def test_the_record_may_be_delegated_by_a_cname(zone):
    zone.put(NAME, "CNAME", "proof.dns.example")
    zone.put("proof.dns.example", "TXT", VALUE)
    assert by_record(zone).proved


@pytest.mark.parametrize("value", ["", "vitrine-domain=", VALUE + "0", VALUE.upper(), "x" + VALUE, SECRET])
def test_another_value_proves_nothing(zone, value):
    zone.put(NAME, "TXT", value)
    assert not by_record(zone).proved


def test_a_sub_domain_or_the_domain_itself_proves_nothing(zone):
    """T39: the proof of acme.example is at its own name only."""
    for name in (DOMAIN, "_vitrine-challenge.mail.acme.example", "_vitrine-challenge.example"):
        zone.put(name, "TXT", VALUE)
    assert not by_record(zone).proved


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("nothing", "There is no record"), ("other type", "no record of type TXT"), ("other value", "another value"),
        ("loop", "no usable answer"), ("silent", "in time"), ("broken", ""), ("failing", "no usable answer"),
        ("many", "more than 64"), ("huge", "none of them is ours"),
    ],
)  # fmt: skip
def test_t42_whatever_the_dns_answers_it_is_bounded_and_fails_closed(zone, how, told, soon):
    zone.put(DOMAIN, "A", "127.0.0.1")
    if how == "other type":
        zone.put(NAME, "MX", "mail.acme.example")
    elif how == "other value":
        zone.put(NAME, "TXT", "vitrine-domain=of somebody else")
    elif how == "loop":
        zone.put(NAME, "CNAME", "b.acme.example")
        zone.put("b.acme.example", "CNAME", NAME)
    elif how in {"silent", "broken", "failing"}:
        getattr(zone, how).add(NAME)
    elif how == "many":
        zone.put(NAME, "TXT", *(f"{number}" for number in range(64)), VALUE)
    elif how == "huge":
        zone.put(NAME, "TXT", *([f"{number}".encode() * 60] * 10 for number in range(20)))
    began = time.monotonic()
    finding = by_record(zone)
    assert not finding.proved
    assert told in finding.text
    assert time.monotonic() - began < 3


def test_t42_no_name_server_at_all_fails_closed(soon):
    assert not domain_proof.look(Proving(("127.0.0.1:1",)), DOMAIN, SECRET, "dns").proved


# The file


def test_the_file_proves_at_the_pinned_address(zone, site):
    zone.put(DOMAIN, "A", "127.0.0.1")
    site.serve_text(f"# ours\n  {VALUE}  \n")
    assert by_file(zone, site).proved
    assert site.asked == [(DOMAIN, "/.well-known/vitrine-domain.txt")]
    assert [name for name, kind in zone.asked if kind == "A"] == [DOMAIN], "resolved once: no rebinding between"


def test_t76_a_private_address_is_not_connected_to(zone, site):
    site.serve_text(VALUE)
    zone.put(DOMAIN, "A", "127.0.0.1")
    finding = by_file(zone, site, networks=())
    assert not finding.proved
    assert "private network" in finding.text
    assert site.asked == []


def test_t76_one_private_address_among_public_ones_is_enough(zone, site):
    zone.put(DOMAIN, "A", "8.8.8.8", "169.254.169.254")
    assert "private network" in by_file(zone, site).text


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::", "2001:db8::1",
])  # fmt: skip
def test_t76_addresses_that_are_not_public(address):
    assert not domain_proof.is_open(Proving(), ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_t76_public_addresses_are_open(address):
    assert domain_proof.is_open(Proving(), ip_address(address))


def test_t76_redirects_are_not_followed(zone, site):
    zone.put(DOMAIN, "A", "127.0.0.1")
    site.answer = lambda path: (302, {"Location": "/elsewhere"}, VALUE.encode())
    assert "not followed" in by_file(zone, site).text
    assert len(site.asked) == 1


def test_t76_a_file_that_never_ends_is_cut_off(zone, site, soon):
    zone.put(DOMAIN, "A", "127.0.0.1")

    def drip():
        for _ in range(100):
            time.sleep(0.1)
            yield b"x"

    site.answer = lambda path: (200, {}, drip())
    began = time.monotonic()
    assert "could not be fetched" in by_file(zone, site).text
    assert time.monotonic() - began < 3


def test_t76_a_file_over_one_megabyte_is_refused(zone, site):
    zone.put(DOMAIN, "A", "127.0.0.1")
    site.answer = lambda path: (200, {}, VALUE.encode() + b"\n" + b"x" * (2 * 1024 * 1024))
    assert "too large" in by_file(zone, site).text


@pytest.mark.parametrize("answer", [(404, {}, VALUE.encode()), (500, {}, b""), (200, {}, b"\xff\xfe"), (200, {}, b"")])
def test_a_file_with_anything_else_proves_nothing(zone, site, answer):
    zone.put(DOMAIN, "A", "127.0.0.1")
    site.answer = lambda path: answer
    assert not by_file(zone, site).proved


def test_the_certificate_must_be_the_domains_own(zone, tmp_path):
    zone.put(DOMAIN, "A", "127.0.0.1")
    with https_server(tmp_path, "other.example") as site:
        site.serve_text(VALUE)
        assert "certificate" in by_file(zone, site).text
        assert site.asked == []


def test_a_certificate_that_nobody_trusts_proves_nothing(zone, site):
    zone.put(DOMAIN, "A", "127.0.0.1")
    site.serve_text(VALUE)
    finding = domain_proof.look(Proving((zone.address,), ("127.0.0.0/8",), None, site.port), DOMAIN, SECRET, "https")
    assert "certificate" in finding.text


def test_t42_no_address_or_nobody_there_fails_closed(zone, site, soon):
    assert "has no address" in by_file(zone, site).text
    zone.put(DOMAIN, "A", "127.0.0.1")
    proving = Proving((zone.address,), ("127.0.0.0/8",), site.ca_file, 1)
    assert "could not be fetched" in domain_proof.look(proving, DOMAIN, SECRET, "https").text
