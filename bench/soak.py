"""A soak of nodelocal: hits, misses, TCP, garbage, an upstream that comes and goes, reloads; each answer checked.

    python -m bench.soak [SECONDS]

The upstream is the oracle: a name's address follows from the name, so a wrong answer shows by itself. At the end the
process must hold no more sockets than at the start, and after its caches are full no more memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import socket
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import dnslib

from clusterdns.demo.processes import Program, free_ports
from clusterdns.errors import ConfigError, MalformedMessage
from clusterdns.listen.respond import Peer, Send
from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.tcp import TcpListener
from clusterdns.listen.udp import UdpListener
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text
from clusterdns.wire.query import read_query
from clusterdns.wire.records import address_record, compose
from clusterdns.wire.reply import refuse

_ANSWER_SECONDS = 10.0
_TTL = 5
_WORKERS = 8


def address_of(name: str) -> str:
    """The oracle: the address that every name has."""
    digest = hashlib.sha256(name.lower().rstrip(".").encode()).digest()
    return str(IPv4Address(b"\x0a" + digest[:3]))


@dataclass(slots=True)
class Findings:
    """What the soak saw. `outcomes` counts answers by kind; `wrong` are descriptions of answers that must not be."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    sockets: list[int] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)
    """Samples, one for each flap of the upstream."""


class Upstream:
    """The oracle as a server, which can go away and come back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._udp: UdpListener | None = None
        self._tcp: TcpListener | None = None

    async def start(self) -> None:
        self._udp, self._tcp = await self._listen()
        self._udp.start()
        await self._tcp.start()

    async def _listen(self) -> tuple[UdpListener, TcpListener]:
        """Open the sockets. While it was away, a client may have got its port for a moment."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            while True:
                try:
                    udp = UdpListener(open_udp("127.0.0.1", self._port), self._respond)
                except ConfigError:
                    await asyncio.sleep(0.05)
                    continue
                try:
                    return udp, TcpListener(open_tcp("127.0.0.1", self._port), self._respond)
                except ConfigError:
                    udp.close()
                    await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self._udp is not None and self._tcp is not None:
            self._udp.close()
            await self._tcp.close()
        self._udp = self._tcp = None

    def _respond(self, message: bytes, peer: Peer, send: Send) -> bytes | None:
        try:
            query = read_query(message)
        except MalformedMessage:
            return refuse(message, numbers.FORMERR) if len(message) >= 12 else None
        address = IPv4Address(address_of(name_to_text(query.name)))
        record = address_record(query.name, address, _TTL)
        answer = compose(query, flags=numbers.AA | numbers.RA, answer=[record] if query.qtype == numbers.A else [])
        return query.id.to_bytes(2, "big") + answer[2:]


async def soak(seconds: float, *, flaps: int = 3, seed: int = 1) -> Findings:
    """Run it. Raises ProcessFailure if nodelocal does not start or dies."""
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="clusterdns-soak-") as folder:
        port, ready, upstream_port = free_ports(3)
        corefile = Path(folder) / "Corefile"
        _write(corefile, port, ready, upstream_port, turn=0)
        upstream = Upstream(upstream_port)
        nodelocal = Program(
            "nodelocal",
            "nodelocal.service",
            [
                *("-conf", str(corefile), "-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false"),
                *("-metrics-listen-address=", "-prometheus-listen-address="),
            ],
            {},
            Path(folder),
            f"http://127.0.0.1:{ready}/ready",
        )
        await upstream.start()
        try:
            await nodelocal.start()
            until = asyncio.get_running_loop().time() + seconds
            workers = [
                asyncio.create_task(_ask_until(until, port, random.Random(seed + number), findings))
                for number in range(_WORKERS)
            ]
            for turn in range(1, flaps + 1):
                await asyncio.sleep(seconds / flaps * 0.6)
                await upstream.stop()
                await asyncio.sleep(seconds / flaps * 0.2)
                await upstream.start()
                _write(corefile, port, ready, upstream_port, turn=turn)
                os.kill(nodelocal.pid, signal.SIGUSR1)
                await asyncio.sleep(seconds / flaps * 0.2)
                _sample(nodelocal.pid, findings)
            await asyncio.gather(*workers)
            await asyncio.sleep(1.0)  # the listener's sweep, and sockets in their last moments
            _sample(nodelocal.pid, findings)
            if lost := findings.outcomes["no answer"]:
                findings.wrong.append(f"{lost} questions had no answer within {_ANSWER_SECONDS:g} s")
            if not nodelocal.pid:
                findings.wrong.append(f"nodelocal died:\n{nodelocal.log_end()}")
            if "Traceback" in nodelocal.log.read_text(errors="replace"):
                findings.wrong.append(nodelocal.log_end(40))
        finally:
            await nodelocal.stop()
            await upstream.stop()
    return findings


def _write(corefile: Path, port: int, ready: int, upstream: int, *, turn: int) -> None:
    """A Corefile that is another one each turn, and means the same."""
    corefile.write_text(
        f"# {turn}\n.:{port} {{\n    bind 127.0.0.1\n    errors\n    cache 30\n    reload 1h\n"
        f"    ready 127.0.0.1:{ready}\n    forward . 127.0.0.1:{upstream} {{\n        prefer_udp\n    }}\n}}\n"
    )


async def _ask_until(until: float, port: int, dice: random.Random, findings: Findings) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        kind = dice.random()
        name = f"n{dice.randrange(200)}.hit.example" if kind < 0.7 else f"m{dice.getrandbits(48)}.miss.example"
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if kind < 0.05:
                    await _send_garbage(port, dice)
                    findings.outcomes["garbage"] += 1
                    continue
                query = dnslib.DNSRecord.question(name)
                query.header.id = dice.getrandbits(16)
                answer = await (_ask_tcp if kind > 0.9 else _ask_udp)(port, bytes(query.pack()))
        except TimeoutError:
            findings.outcomes["no answer"] += 1
            continue
        _judge(name, query.header.id, answer, findings)


def _judge(name: str, message_id: int, answer: bytes, findings: Findings) -> None:
    found = dnslib.DNSRecord.parse(answer)
    rcode = dnslib.RCODE.get(found.header.rcode)
    findings.outcomes[rcode] += 1
    addresses = [str(record.rdata) for record in found.rr]
    if found.header.id != message_id or str(found.q.qname).rstrip(".") != name:
        findings.wrong.append(f"{name}: an answer to another question, {found.q.qname}")
    elif rcode == "NOERROR" and addresses != [address_of(name)]:
        findings.wrong.append(f"{name}: {addresses}, not {address_of(name)}")
    elif rcode not in ("NOERROR", "SERVFAIL"):
        findings.wrong.append(f"{name}: {rcode}")


async def _ask_udp(port: int, query: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(("127.0.0.1", port))
        await loop.sock_sendall(sock, query)
        # Whatever has another ID is for the garbage that was sent from this port before.
        while (answer := await loop.sock_recv(sock, 4096))[:2] != query[:2]:
            pass
        return answer


async def _ask_tcp(port: int, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()


async def _send_garbage(port: int, dice: random.Random) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(("127.0.0.1", port))
        await asyncio.get_running_loop().sock_sendall(sock, dice.randbytes(dice.randrange(1, 600)))
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(dice.randbytes(dice.randrange(1, 600)))
    writer.close()


def _sample(pid: int, findings: Findings) -> None:
    if pid:
        findings.sockets.append(len(os.listdir(f"/proc/{pid}/fd")))
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        findings.memory_bytes.append(pages * os.sysconf("SC_PAGESIZE"))


def grown(findings: Findings) -> list[str]:
    """What grew from the fourth minute to the last, by when the caches are full; nothing for a shorter soak."""
    found = []
    for what, samples in (("open files", findings.sockets), ("bytes of memory", findings.memory_bytes)):
        if len(samples) > 4 and samples[-1] > 1.15 * samples[3]:
            found.append(f"{samples[3]} {what} became {samples[-1]}")
    return found


def main() -> int:
    """Run the soak and print what it saw; the exit code says whether anything was wrong."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    findings = asyncio.run(soak(seconds, flaps=max(3, int(seconds // 60))))
    print(f"{seconds:g} s of soak: {dict(findings.outcomes)}")
    findings.wrong += grown(findings)
    print(f"open files {findings.sockets}, memory {[f'{sample / 1e6:.1f} MB' for sample in findings.memory_bytes]}")
    for text in findings.wrong[:20]:
        print(f"WRONG: {text}")
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
