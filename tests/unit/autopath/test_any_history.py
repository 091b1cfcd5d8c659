"""After any history of changes and questions, whoever has caches answers as a server that has just begun.

changes ──► the process that watches ──► shared memory ──► a process that answers
                 │ both keep what they have answered           │
the objects ──► one that has just begun                        ▼      all say the same, to every client
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address

import dns.message
import dns.rcode
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autopath.clusters import Clusters
from autopath.lookups import Sources
from autopath.makers import makers_over
from autopath.publish import Gathered, Publisher
from autopath.service import DIRECTIVES
from autopath.shared import SharedClusters, SharedSource
from autopath.subjects import follow
from clusterdns.cache.watched import Watched
from clusterdns.corefile.parse import parse
from clusterdns.daemon.shared_table import SharedTable, TableWriter
from clusterdns.directives.assemble import assemble
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.config.server import ServerConfig, load
from clusterdns.kube.objects import Key, KubeObject, Namespace, Pod
from clusterdns.kube.search_lists import SWITCH
from clusterdns.kube.store import Cluster
from clusterdns.limits import AUTOPATH_PAIR_SECONDS
from clusterdns.listen.respond import VIEWED
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text
from tests.support import messages
from tests.support.chain import FOUND, Says, response_to
from tests.unit.autopath.objects import endpoint, service, slice_of

NODE = "10.9.0.1"
"""A node cache, which may speak for its pods."""
CLIENTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "192.0.2.77")
ASKED = ("web", "db.data", "db-0.db.data", "files", "example.org", "svc")
DOMAINS = ("shop.svc.cluster.local", "data.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example")
NAMES = (*ASKED, *(f"{name}.{domain}" for name in ASKED for domain in DOMAINS))
OUTSIDE = ("files.corp.example.", "example.org.")
MISSING = Says(rcode="NXDOMAIN", authority=(". 60 IN SOA a.root. b.root. 1 2 3 4 60",))
FIRST = tuple(f"{name}.{domain}" for name in ASKED for domain in DOMAINS[:2])
TYPES = ("A", "A", "AAAA", "AAAA", "SRV", "TXT")

CLUSTER = """
    autopath @kubernetes {
        trusted 10.9.0.1/32
        %s
    }
    kubernetes %s {
        manifests unused
        pods verified
    }
"""
REST = "\n forward . 192.0.2.53\n"
ONE = CLUSTER % ("", "cluster.local")
COREFILES = {
    "one block": f". {{ {ONE} cache 30 {REST} }}",
    "acl": f". {{ {ONE} acl shop.svc.cluster.local {{\n block net 10.0.0.2/32\n }} {REST} }}",
    "flatten": f". {{ {CLUSTER % ('flatten', 'cluster.local')} {REST} }}",
    "two blocks": f"cluster.local {{ {ONE} }}\n. {{ {REST} }}",
    "two zones": f"other.local {{ {CLUSTER % ('', 'other.local')} }}\n. {{ {ONE} {REST} }}",
}

Seen = tuple[str, int, list[str]]
"""Rcode, flags, and records in any order."""


async def _upstream(request: Request) -> Reply:
    """Two names have an address, and nothing else; the others do not exist."""
    says = MISSING
    if name_to_text(request.query.name).lower() in OUTSIDE:
        says = FOUND if request.query.qtype == numbers.A else Says(authority=MISSING.authority)
    return Reply(response_to(request, says), "forward")


class Server:
    """A Corefile over what `sources` know, on the clock that the others have, too."""

    def __init__(self, servers: list[ServerConfig], sources: Sources, watched: Watched, now: list[float]) -> None:
        made = assemble(
            servers,
            clock=lambda: now[0],
            makers={**makers_over(sources), "forward": lambda *_: _upstream},
            watched=watched,
        )
        self.dispatcher = made.dispatchers["0.0.0.0", 53]

    def ask(self, question: Question) -> Seen:
        """As a listener asks: over UDP what is repeated first."""
        message, peer = question.message, (question.client, 4096)
        dispatcher = self.dispatcher
        if question.tcp:
            answer = dispatcher.respond_tcp(message, peer, _not_later)
        else:
            body = dispatcher.repeat(message[2:])
            if body is VIEWED:
                body = dispatcher.repeat_to(message[2:], ip_address(question.client).packed)
            answer = message[:2] + body if body is not None else dispatcher.respond_udp(message, peer, _not_later)
        assert isinstance(answer, bytes)
        read = dns.message.from_wire(answer, one_rr_per_rrset=True)
        records = [rrset.to_text() for part in (read.answer, read.authority, read.additional) for rrset in part]
        return dns.rcode.to_text(read.rcode()), int(read.flags), sorted(map(_without_ttl, records))


def _not_later(_answer: object, _peer: object) -> None:
    raise AssertionError("nobody here needs time")


def _without_ttl(record: str) -> str:
    """What comes from outside counts down in a cache; an SOA has the second of the last change."""
    owner, _ttl, _in, rtype, rdata = record.split(" ", 4)
    return f"{owner} {rtype}" if rtype == "SOA" else f"{owner} {rtype} {rdata}"


@dataclass(frozen=True)
class Question:
    """`behind`: the sender is a node cache, and asks for this client."""

    name: str
    qtype: str
    client: str
    tcp: bool = False
    behind: str = ""

    @property
    def message(self) -> bytes:
        bits = 128 if ":" in self.behind else 32
        return messages.query(f"{self.name}.", self.qtype, subnet=f"{self.behind}/{bits}" if self.behind else None)


@dataclass
class Scene:
    """The same cluster behind a server that watches it, one that reads shared memory, and others to be made."""

    servers: list[ServerConfig]
    now: list[float]
    objects: dict[tuple[str, Key], KubeObject]
    clusters: Clusters
    watching: Server
    reading: Server

    def change(self, what: KubeObject, is_gone: bool = False) -> None:
        kind = type(what).__name__
        for source in self.clusters.sources.values():
            if is_gone:
                source.cluster.store(kind).delete(what.key)
            else:
                source.cluster.store(kind).put(what)
        self.objects.pop((kind, what.key), None)
        if not is_gone:
            self.objects[kind, what.key] = what

    def fresh(self, questions: Collection[Question], without: type[KubeObject] | None = None) -> dict[Question, Seen]:
        """What a server says that begins with that question; to one who is no pod, `without` pods."""
        clusters = Clusters()
        Server(self.servers, clusters, clusters.watched, self.now)
        for source in clusters.sources.values():
            _fill(source.cluster, [each for each in self.objects.values() if type(each) is not without])
        return {each: Server(self.servers, clusters, Watched(), self.now).ask(each) for each in {*questions}}


def _fill(stores: Cluster, objects: Iterable[KubeObject]) -> None:
    for each in objects:
        stores.store(type(each).__name__).put(each)
    for kind in ("Namespace", "Service", "EndpointSlice", "Pod"):
        stores.store(kind).synced = True


@contextmanager
def scene(corefile: str) -> Iterator[Scene]:
    servers = list(load(parse(corefile, "Corefile", environ={}), DIRECTIVES))
    now = [1000.0]
    clusters = Clusters()
    watching = Server(servers, clusters, clusters.watched, now)
    for source in clusters.sources.values():
        _fill(source.cluster, ())
    told: list[SharedClusters] = []

    gathered = Gathered()
    for source in clusters.sources.values():
        follow(gathered, source.cluster)

    def tell() -> None:
        for each in told:
            each.forget(gathered.take())

    publisher = Publisher(tell, partial(TableWriter, 1 << 23))
    publisher.follow(clusters.sources)
    described, descriptors = publisher.describe(clusters.named)
    tables = [SharedTable(each) for each in descriptors]
    shared = SharedClusters(
        {origin: SharedSource(table, views) for (origin, views), table in zip(described, tables, strict=True)}
    )
    told.append(shared)
    try:
        yield Scene(servers, now, {}, clusters, watching, Server(servers, shared, shared.watched, now))
    finally:
        for table in tables:
            table.close()
        publisher.drop_all_but(())


PODS = [
    Pod(
        name=name,
        namespace=namespace,
        ips=ips,
        phase="Running",
        ready=True,
        annotations={SWITCH: switch} if switch else {},
        dns_policy=policy,
        dns_searches=searches,
    )
    for name in ("a", "b")
    for namespace in ("shop", "data")
    for ips in (("10.0.0.1",), ("10.0.0.1", "fd00::1"), ("10.0.0.2",), ("10.0.0.3", "fd00::1"))
    for switch in ("", "", "off", "on")
    for policy, searches in (("ClusterFirst", ()), ("ClusterFirst", ("corp.example",)), ("Default", ()))
]
NAMESPACES = [
    Namespace(name=name, annotations={SWITCH: "off"} if off else {})
    for name in ("shop", "data")
    for off in (False, False, True)
]
SERVICES = [
    *(
        service(key, address)
        for key in ("shop/web", "data/web", "data/files")
        for address in ("10.96.0.1", "fd00:96::1")
    ),
    service("data/db"),
    service("shop/svc", "10.96.0.7"),
]
SLICES = [
    slice_of("data/db", endpoint(address, hostname="db-0", ready=ready), name=name)
    for address in ("10.0.0.1", "10.0.0.2")
    for ready in (True, False)
    for name in ("a", "b")
]
CLIENTS_ARE: list[Sequence[KubeObject]] = [PODS, PODS, NAMESPACES]
ALL: list[Sequence[KubeObject]] = [PODS, NAMESPACES, SERVICES, SLICES]


def asked_by_all(dice: random.Random) -> list[Question]:
    """A few questions, by everybody, over TCP, and by the node cache for its pods; each twice."""
    names = [*dice.sample(FIRST, 2), dice.choice(NAMES)]
    some = [Question(name, dice.choice(TYPES), client) for name in names for client in CLIENTS]
    found = [
        *some,
        *(replace(each, tcp=True) for each in dice.sample(some, 2)),
        *(replace(each, client=NODE, behind=each.client) for each in dice.sample(some, 3)),
    ]
    return found * 2


@pytest.mark.parametrize("corefile", COREFILES.values(), ids=COREFILES)
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1 << 32))
# A node cache has just asked for a pod that `acl` blocks; or others of its namespace have.
@example(5381)
@example(85176)
def test_no_answer_outlives_a_change(corefile: str, seed: int) -> None:
    dice = random.Random(seed)
    questions = asked_by_all(dice)
    with scene(corefile) as played:
        for _ in range(10):
            for _ in range(3):
                played.change(dice.choice(dice.choice(ALL)), dice.random() < 0.2)
            # The questions of one look-up end at one name, for a moment; what comes later is another look-up.
            played.now[0] += AUTOPATH_PAIR_SECONDS.default + 1
            fresh = played.fresh(questions)
            for each in dice.sample(questions, len(questions)):
                assert played.watching.ask(each) == fresh[each], (each, "the one that watches")
                assert played.reading.ask(each) == fresh[each], (each, "one that reads shared memory")


@pytest.mark.parametrize("corefile", COREFILES.values(), ids=COREFILES)
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1 << 32))
def test_an_address_has_the_answers_of_its_pod_at_once(corefile: str, seed: int) -> None:
    """However soon it is another's; where its pod comes to be known within a look-up, that ends as it began."""
    dice = random.Random(seed)
    questions = asked_by_all(dice)
    with scene(corefile) as played:
        for what in (*SERVICES, *SLICES):
            played.change(what)
        for _ in range(10):
            for _ in range(2):
                played.change(dice.choice(dice.choice(CLIENTS_ARE)), dice.random() < 0.2)
            played.now[0] += dice.choice([0.0, 0.0, 0.3])
            fresh, unknown = played.fresh(questions), played.fresh(questions, without=Pod)
            for each in dice.sample(questions, len(questions)):
                allowed = (fresh[each], unknown[each])
                assert played.watching.ask(each) in allowed, (each, "the one that watches")
                assert played.reading.ask(each) in allowed, (each, "one that reads shared memory")
