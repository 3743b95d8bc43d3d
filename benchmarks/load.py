"""A small HTTP load: servers on loopback, keep-alive connections, rates and latencies. No goal is named here."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
#: A client's answers: how many, and how long each took in seconds.
Results: TypeAlias = "multiprocessing.Queue[tuple[int, list[float]]]"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(target: str, environ: dict[str, str], workers: int = 2, port: int = 0) -> Iterator[int]:
    """Serve a WSGI `module:app` by granian, one blocking thread in each of `workers` processes; the port."""
    port = port or free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), "--blocking-threads", "1", "--no-ws", "--log-level", "error", target,
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if process.poll() is not None:
                raise RuntimeError(f"the server for {target} ended with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read_answer(connection: socket.socket, buffer: bytearray) -> int:
    """Read one answer with Content-Length (or none, for 304) off a connection; its status."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection")
        buffer += more
    head = bytes(buffer[:end]).lower()
    status = int(head[9:12])
    length = 0
    if (at := head.find(b"content-length:")) >= 0:
        length = int(head[at + 15 : (head.find(b"\r\n", at) if head.find(b"\r\n", at) >= 0 else len(head))])
    elif b"transfer-encoding: chunked" in head:
        raise RuntimeError("chunked answers are not measured")
    total = end + 4 + length
    while len(buffer) < total:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection")
        buffer += more
    del buffer[:total]
    return status


def _client(port: int, requests: Sequence[bytes], status: int, seconds: float, seed: int, out: Results) -> None:
    try:
        out.put(_ask(port, requests, status, seconds, seed))
    except (OSError, RuntimeError):
        out.put((-1, []))
        raise


def _ask(port: int, requests: Sequence[bytes], status: int, seconds: float, seed: int) -> tuple[int, list[float]]:
    """Eight connections in turn, one request in flight on each."""
    rng = random.Random(seed)
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    buffers = [bytearray() for _ in connections]
    started = [0.0] * len(connections)
    latencies: list[float] = []
    for index, connection in enumerate(connections):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started[index] = time.perf_counter()
        connection.sendall(rng.choice(requests))
    done, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for index, connection in enumerate(connections):
            got = _read_answer(connection, buffers[index])
            if got != status:
                raise RuntimeError(f"answered {got}, not {status}")
            now = time.perf_counter()
            latencies.append(now - started[index])
            started[index] = now
            connection.sendall(rng.choice(requests))
            done += 1
    for connection in connections:
        connection.close()
    return done, latencies


@dataclass(frozen=True)
class Load:
    """What a run came to: requests per second, and the latency (seconds) that 99 of 100 stayed under."""

    rate: float
    p99: float


def hit(port: int, paths: Sequence[str], *, seconds: float = 3.0, status: int = 200, headers: str = "") -> Load:
    """16 keep-alive connections from two processes, each asking for a random one of `paths`.

    Errors: RuntimeError when any answer has another status.
    """
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode() for path in paths]
    out: Results = multiprocessing.Queue()
    clients = [
        multiprocessing.Process(target=_client, args=(port, requests, status, seconds, seed, out)) for seed in (1, 2)
    ]
    for client in clients:
        client.start()
    results = [out.get(timeout=seconds + 60) for _ in clients]
    if any(done < 0 for done, _ in results):
        raise RuntimeError(f"port {port} did not answer {status} to {paths[0]} and its like")
    for client in clients:
        client.join()
    latencies = sorted(value for _, values in results for value in values)
    return Load(sum(done for done, _ in results) / seconds, latencies[int(len(latencies) * 0.99)])


def in_turn(ports: Mapping[str, int], paths: Sequence[str], rounds: int) -> dict[str, float]:
    """Ask all servers for the same page, one request at a time in a random order of servers, page by page, `rounds`
    times; the sum of each server's fastest answers, in seconds. Errors: RuntimeError for an answer that is not 200."""
    rng = random.Random(1)
    took = {name: [float("inf")] * len(paths) for name in ports}
    with contextlib.ExitStack() as stack:
        connections, buffers = {}, {name: bytearray() for name in ports}
        for name, port in ports.items():
            connections[name] = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connections[name].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(rounds):
            for number, path in enumerate(paths):
                request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
                for name in rng.sample(list(ports), len(ports)):
                    started = time.perf_counter()
                    connections[name].sendall(request)
                    if (got := _read_answer(connections[name], buffers[name])) != 200:
                        raise RuntimeError(f"{name} answered {got}, not 200")
                    took[name][number] = min(took[name][number], time.perf_counter() - started)
    return {name: sum(fastest) for name, fastest in took.items()}
