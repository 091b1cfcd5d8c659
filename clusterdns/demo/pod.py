"""A pod's resolver: the search list and ndots as a C library follows them, over UDP, each packet counted.

This is the client's side of the story, so it does by itself what autopath saves it from: it appends each search
domain in turn and takes the first name that answers (resolv.conf(5)).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from dataclasses import dataclass, field

import dnslib

from clusterdns.errors import UpstreamFailure

_TRIES = 3
_TRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """One look-up of a name. `sent` counts the datagrams that left the pod, `seconds` is its whole time."""

    name: str
    rcode: str
    addresses: tuple[str, ...]
    sent: int
    seconds: float
    asked: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod by its address, and what kubelet writes into its resolv.conf (dnsPolicy ClusterFirst)."""

    address: str
    namespace: str
    nameserver: tuple[str, int]
    cluster_domain: str = "cluster.local"
    ndots: int = 5

    @property
    def search(self) -> tuple[str, ...]:
        return (f"{self.namespace}.svc.{self.cluster_domain}", f"svc.{self.cluster_domain}", self.cluster_domain)

    def candidates(self, name: str) -> list[str]:
        """The names to ask, in order: the bare name comes first only with `ndots` dots or more."""
        expanded = [f"{name}.{domain}" for domain in self.search]
        return [name, *expanded] if name.count(".") >= self.ndots else [*expanded, name]

    async def look_up(self, name: str) -> Lookup:
        """Resolve `name` to IPv4 addresses. Raises UpstreamFailure if the nameserver does not answer."""
        started = time.perf_counter()
        sent = 0
        asked = []
        rcode = "NXDOMAIN"
        for candidate in self.candidates(name):
            asked.append(candidate)
            answer, tries = await self._ask(candidate)
            sent += tries
            rcode = dnslib.RCODE.get(answer.header.rcode)
            addresses = tuple(str(record.rdata) for record in answer.rr if record.rtype == dnslib.QTYPE.A)
            if addresses:
                return Lookup(name, rcode, addresses, sent, time.perf_counter() - started, tuple(asked))
        return Lookup(name, rcode, (), sent, time.perf_counter() - started, tuple(asked))

    async def _ask(self, name: str) -> tuple[dnslib.DNSRecord, int]:
        """The answer to one question, and how many datagrams it took."""
        loop = asyncio.get_running_loop()
        query = dnslib.DNSRecord.question(name)
        query.header.id = secrets.randbits(16)
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind((self.address, 0))
            sock.connect(self.nameserver)
            for tries in range(1, _TRIES + 1):
                try:
                    await loop.sock_sendall(sock, query.pack())
                    async with asyncio.timeout(_TRY_SECONDS):
                        while True:
                            answer = dnslib.DNSRecord.parse(await loop.sock_recv(sock, 4096))
                            if answer.header.id == query.header.id:
                                return answer, tries
                except ConnectionRefusedError:
                    await asyncio.sleep(0.1)  # a server between two lives; a resolver asks again, too
                except TimeoutError:
                    continue
        raise UpstreamFailure(f"{self.nameserver[0]}:{self.nameserver[1]}", f"no answer to {name} in {_TRIES} tries")
