"""Asks a `kubernetes` directive made from Corefile text, and reads its answers as dnspython reads them."""

from __future__ import annotations

from dataclasses import dataclass

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from autopath.kubernetes import Kubernetes, imported_index_over, index_over
from autopath.zones import Zones
from clusterdns.corefile.parse import parse as parse_corefile
from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.config.kubernetes import Config, parse
from clusterdns.flight import start
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text
from clusterdns.wire.query import Query
from clusterdns.wire.response import read_response
from tests.support.messages import query, response

ZONES = "cluster.local in-addr.arpa ip6.arpa"
SERIAL = 1795309285


@dataclass(frozen=True)
class Answer:
    """A reply as text: each record is `owner ttl IN type rdata`, in the order of the message."""

    rcode: str
    flags: str
    answer: list[str]
    authority: list[str]
    additional: list[str]

    def rdata(self) -> list[str]:
        """Type and rdata of the answer records."""
        return [line.split(" ", 3)[3] for line in self.answer]


class Elsewhere:
    """The directive behind: answers from `records`, denies the rest, notes each question. RA marks its answers."""

    def __init__(self, records: tuple[str, ...] = (), rcode: str = "NXDOMAIN") -> None:
        self.asked: list[str] = []
        self._records = records
        self._rcode = rcode

    async def handle(self, request: Request) -> Reply:
        name = dns.name.from_wire(request.query.name, 0)[0].to_text()
        qtype = dns.rdatatype.to_text(dns.rdatatype.RdataType(request.query.qtype))
        self.asked.append(f"{name} {qtype}")
        found = tuple(line for line in self._records if line.split()[0] == name and line.split()[3] in (qtype, "CNAME"))
        soa = () if found or self._rcode not in ("NXDOMAIN", "NOERROR") else (". 60 IN SOA a.root. b.root. 1 2 3 4 60",)
        message = response(
            query(name, qtype),
            answer=found,
            authority=soa,
            rcode="NOERROR" if found else self._rcode,
            flags="QR AA RA",
        )
        return Reply(read_response(message), "forward")


def config(options: str, zones: str = ZONES) -> Config:
    """The directive with these options (lines) in the server block `.`."""
    corefile = parse_corefile(f". {{\n kubernetes {zones} {{\n{options}\n}}\n}}\n", "Corefile", environ={})
    return parse(corefile.server_blocks[0].directives[0])


def directive(
    cluster: Cluster,
    options: str = "ttl 30",
    zones: str = ZONES,
    *,
    own: tuple[str, ...] = (),
    following: Handler | None = None,
    resolve: Handler | None = None,
) -> Kubernetes:
    """The handler over `cluster`; `resolve` is the directive itself and what follows, unless given."""

    async def whole_chain(request: Request) -> Reply:
        return await made.handle(request)

    configured = config(options, zones)
    made = Kubernetes(
        configured,
        cluster,
        index_over(cluster, configured, wall_clock=lambda: SERIAL - 1),
        PodIndex(cluster.pod_claims),
        imported=imported_index_over(cluster, configured, wall_clock=lambda: SERIAL - 1),
        own=own,
        resolve=resolve or whole_chain,
        following=following or Elsewhere().handle,
    )
    return made


def request_for(question: str, client: str = "10.244.0.1") -> Request:
    """`name TYPE` as a request; the name may hold escapes."""
    name, qtype = question.rsplit(" ", 1)
    wire = name_from_text(name)
    number = int(dns.rdatatype.from_text(qtype))
    return Request(Query(7, numbers.RD, wire, wire.lower(), number, numbers.IN, None), client, "udp", 0.0)


def reply_to(handler: Zones, question: str) -> Reply:
    """The reply as the chain gets it."""
    flight = start(handler.handle(request_for(question)))
    assert flight.done, f"{question} waits for something"
    return flight.result()


def ask(handler: Zones, question: str) -> Answer:
    """The reply, read by dnspython."""
    # An RRset of dnspython's is a set: it would hide a record that comes twice.
    message = dns.message.from_wire(reply_to(handler, question).response.message, one_rr_per_rrset=True)
    sections = [
        [rrset.to_text() for rrset in section] for section in (message.answer, message.authority, message.additional)
    ]
    return Answer(dns.rcode.to_text(message.rcode()), dns.flags.to_text(message.flags), *sections)
