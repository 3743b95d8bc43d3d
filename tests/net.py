"""Real servers on loopback for the proofs of domains: a DNS server that can misbehave, and HTTPS with its own CA."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
from dnslib import AAAA, CNAME, MX, QTYPE, RCODE, RR, TXT, A, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer, TCPServer, UDPServer

_RDATA: dict[str, Callable[[Any], Any]] = {
    "TXT": TXT, "A": A, "AAAA": AAAA, "CNAME": CNAME, "MX": lambda value: MX(value),
}  # fmt: skip


class Zone(BaseResolver):
    """What the server answers: (name, type) -> values. Names in `silent` get no answer, in `broken` nonsense."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[Any]] = {}
        self.silent: set[str] = set()
        self.broken: set[str] = set()
        self.failing: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.address = ""

    def put(self, name: str, kind: str, *values: Any) -> None:
        self.records[name, kind] = list(values)

    def resolve(self, request: Any, handler: Any) -> Any:
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.asked.append((name, kind))
        reply = request.reply()
        if name in self.silent:
            time.sleep(0.05)
            reply.header.id = (request.header.id + 1) % 65_536     # nobody's answer: the asker goes on waiting
            return reply
        if name in self.broken:
            return _Nonsense()
        if name in self.failing:
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        seen: set[str] = set()
        while (name, "CNAME") in self.records and kind != "CNAME" and name not in seen:
            seen.add(name)
            target = self.records[name, "CNAME"][0]
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(target), ttl=1))
            name = target
        for value in self.records.get((name, kind), ()):
            reply.add_answer(RR(name, getattr(QTYPE, kind), rdata=_RDATA[kind](value), ttl=1))
        if not reply.rr and not any(known == name for known, _ in self.records):
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


class _Nonsense(DNSRecord):
    def pack(self) -> bytes:
        return b"\x00\x01nonsense"


@contextmanager
def dns_server() -> Iterator[Zone]:
    """A name server on a free port, UDP and TCP; `zone.address` for Proving.nameservers."""
    zone = Zone()
    logger = DNSLogger("-request,-reply,-truncated,-error")
    udp, tcp = _on_one_port(zone, logger)
    zone.address = f"127.0.0.1:{udp.server.server_address[1]}"
    for one in (udp, tcp):
        threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield zone
    for one in (udp, tcp):
        one.server.shutdown()
        one.server.server_close()


def _on_one_port(zone: Zone, logger: Any) -> tuple[DNSServer, DNSServer]:
    for _ in range(20):
        udp = DNSServer(zone, address="127.0.0.1", port=0, logger=logger, server=UDPServer)
        try:
            port = udp.server.server_address[1]
            return udp, DNSServer(zone, address="127.0.0.1", port=port, logger=logger, server=TCPServer)
        except OSError:         # somebody else has that port for TCP
            udp.server.server_close()
    raise RuntimeError("no port is free for UDP and TCP")


class Site:
    """An HTTPS site: `answer(path)` gives (status, headers, body); a body may be an iterator of pieces."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[str], tuple[int, dict[str, str], Any]] = lambda path: (404, {}, b"nothing")
        self.port = 0
        self.ca_file = Path()

    def serve_text(self, text: str) -> None:
        self.answer = lambda path: (200, {"Content-Type": "text/plain"}, text.encode())


@contextmanager
def https_server(folder: Path, *names: str) -> Iterator[Site]:
    """A site on loopback with a certificate for `names`, signed by the authority in `site.ca_file`."""
    authority = trustme.CA()
    site = Site()
    site.ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(site.ca_file))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.headers.get("Host", ""), self.path))
            status, headers, body = site.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for piece in [body] if isinstance(body, bytes) else body:
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:
                pass            # the asker left

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            site.posted.append((self.path, dict(self.headers), body))
            self.do_GET()

        def log_message(self, *args: Any) -> None:
            """Nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A handshake that the asker refused is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()
