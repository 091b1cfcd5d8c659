"""ExternalName Services: the chase of their CNAME in the zone, outside, in circles and into failures."""

from __future__ import annotations

import pytest

from autopath.kubernetes import Kubernetes
from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.follow import Followed
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.response import Kind, read_response
from tests.support.directive import handler
from tests.support.messages import query, response
from tests.unit.autopath.asking import Elsewhere, ask, directive, reply_to, request_for
from tests.unit.autopath.objects import cluster, external, service

INTERNET = (
    "mirrors.example.org. 300 IN A 192.0.2.80",
    "mirrors.example.org. 300 IN AAAA 2001:db8::80",
    "www.example.org. 60 IN CNAME cdn.example.net.",
)


def stores() -> Cluster:
    chain = [external(f"shop/step-{step}", f"step-{step + 1}.shop.svc.cluster.local") for step in range(1, 11)]
    return cluster(
        service("shop/web", "10.96.1.10"),
        external("shop/out", "mirrors.example.org"),
        external("shop/dot", "Mirrors.Example.ORG."),
        external("shop/www", "www.example.org"),
        external("shop/gone", "gone.example.org"),
        external("shop/alias", "web.shop.svc.cluster.local"),
        external("shop/spelled", "WEB.shop.svc.Cluster.Local"),
        external("shop/twice", "alias.shop.svc.cluster.local"),
        external("shop/through", "out.shop.svc.cluster.local"),
        external("shop/nowhere", "nope.shop.svc.cluster.local"),
        external("shop/itself", "itself.shop.svc.cluster.local"),
        external("shop/ping", "pong.shop.svc.cluster.local"),
        external("shop/pong", "PING.shop.svc.cluster.local"),
        external("shop/apex", "cluster.local"),
        external("shop/reverse", "10.1.96.10.in-addr.arpa"),
        service("shop/step-11", "10.96.1.11"),
        external("shop/step-0", "step-1.shop.svc.cluster.local"),
        *chain,
    )


# (question without zone, rdata of the answer, zone of the SOA)
ROWS: list[tuple[str, list[str], str | None]] = [
    ("out A", ["CNAME mirrors.example.org.", "A 192.0.2.80"], None),
    ("out AAAA", ["CNAME mirrors.example.org.", "AAAA 2001:db8::80"], None),
    ("out CNAME", ["CNAME mirrors.example.org."], None),
    ("dot A", ["CNAME Mirrors.Example.ORG."], "."),
    ("www A", ["CNAME www.example.org.", "CNAME cdn.example.net."], None),
    ("alias A", ["CNAME web.shop.svc.cluster.local.", "A 10.96.1.10"], None),
    ("spelled A", ["CNAME WEB.shop.svc.Cluster.Local.", "A 10.96.1.10"], None),
    ("twice A", ["CNAME alias.shop.svc.cluster.local.", "CNAME web.shop.svc.cluster.local.", "A 10.96.1.10"], None),
    ("through A", ["CNAME out.shop.svc.cluster.local.", "CNAME mirrors.example.org.", "A 192.0.2.80"], None),
    # The name is there, and the client learns it, though the target has no address.
    ("alias AAAA", ["CNAME web.shop.svc.cluster.local."], "cluster.local."),
    ("nowhere A", ["CNAME nope.shop.svc.cluster.local."], "cluster.local."),
    ("apex A", ["CNAME cluster.local."], "cluster.local."),
    ("reverse A", ["CNAME 10.1.96.10.in-addr.arpa."], "in-addr.arpa."),
    ("gone A", ["CNAME gone.example.org."], "."),
    ("step-2 A", [f"CNAME step-{step}.shop.svc.cluster.local." for step in range(3, 12)] + ["A 10.96.1.11"], None),
    ("step-1 A", [f"CNAME step-{step}.shop.svc.cluster.local." for step in range(2, 12)] + ["A 10.96.1.11"], None),
    # Eleven records, one too many; and circles.
    ("step-0 A", [], "cluster.local."),
    ("itself A", [], "cluster.local."),
    ("ping A", [], "cluster.local."),
    ("pong AAAA", [], "cluster.local."),
]


@pytest.mark.parametrize(("question", "rdata", "soa"), ROWS, ids=[row[0] for row in ROWS])
def test_the_chain_is_in_the_answer(question: str, rdata: list[str], soa: str | None) -> None:
    name, qtype = question.split()
    reply_source = directive(stores(), following=Elsewhere(INTERNET).handle)
    got = ask(reply_source, f"{name}.shop.svc.cluster.local {qtype}")
    assert (got.rcode, got.rdata()) == ("NOERROR", rdata)
    assert [line.split()[0] for line in got.authority] == ([soa] if soa else [])
    assert ("AA" in got.flags, "RA" in got.flags) == (True, False)


def test_each_record_is_owned_by_the_target_of_the_one_before() -> None:
    got = ask(directive(stores(), following=Elsewhere(INTERNET).handle), "Twice.shop.svc.CLUSTER.local A")
    assert [line.split()[0] for line in got.answer] == [
        "Twice.shop.svc.CLUSTER.local.",
        "alias.shop.svc.cluster.local.",
        "web.shop.svc.cluster.local.",
    ]


def test_a_cname_alone_is_nodata_to_caches_and_to_the_search_walk() -> None:
    handler = directive(stores(), following=Elsewhere(INTERNET).handle)
    for question in ("nowhere.shop.svc.cluster.local A", "gone.shop.svc.cluster.local A"):
        assert reply_to(handler, question).response.kind is Kind.NODATA


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP"])
def test_a_failure_outside_is_servfail(rcode: str) -> None:
    got = ask(directive(stores(), following=Elsewhere(rcode=rcode).handle), "out.shop.svc.cluster.local A")
    assert (got.rcode, got.answer, got.authority) == ("SERVFAIL", [], [])


def test_an_upstream_failure_is_left_to_those_who_log_it() -> None:
    async def unreachable(request: Request) -> Reply:
        raise UpstreamFailure("192.0.2.53:53", "timed out")

    flight = start(directive(stores(), following=unreachable).handle(request_for("out.shop.svc.cluster.local A")))
    with pytest.raises(UpstreamFailure):
        flight.result()


def test_the_answer_waits_for_upstream_and_keeps_its_truncation_and_view() -> None:
    landing: Flight[Reply] = Flight()
    asked: list[Request] = []

    async def slow(request: Request) -> Reply:
        asked.append(request)
        return await landing

    flight = start(directive(stores(), resolve=slow).handle(request_for("out.shop.svc.cluster.local A", "10.1.2.3")))
    assert not flight.done
    message = response(query("mirrors.example.org.", "A"), answer=INTERNET[:1], flags="QR TC RA")
    landing.land(Reply(read_response(message), "forward", view=b"shop", cacheable=True))
    reply = flight.result()
    assert (reply.response.truncated, reply.view, reply.cacheable, reply.source) == (True, b"shop", False, "kubernetes")
    assert (asked[0].client, asked[0].transport, asked[0].query.name) == (
        "10.1.2.3",
        "udp",
        name_from_text("mirrors.example.org"),
    )


def test_a_circle_through_two_directives_is_cut() -> None:
    # Each zone is served by a directive of its own, as in two server blocks. With a cache between them that lets one
    # question wait for another, a circle would never end.
    blocks: dict[str, Kubernetes] = {}
    asked: list[bytes] = []

    async def whole_server(request: Request) -> Reply:
        asked.append(request.query.folded)
        assert len(asked) < 10
        for zone, block in blocks.items():
            if is_at_or_below(request.query.folded, name_from_text(zone)):
                return await block.handle(request.ask_for(request.query.name))
        raise AssertionError(request.query.folded)

    east = cluster(external("shop/a", "a.shop.svc.west.local"), external("shop/b", "b.shop.svc.west.local"))
    west = cluster(external("shop/a", "a.shop.svc.east.local"), service("shop/b", "10.0.0.1"))
    blocks["east.local"] = directive(east, zones="east.local", resolve=whole_server)
    blocks["west.local"] = directive(west, zones="west.local", resolve=whole_server)
    got = ask(blocks["east.local"], "a.shop.svc.east.local A")
    assert (got.rcode, got.rdata()) == ("NOERROR", ["CNAME a.shop.svc.west.local."])
    assert asked == [name_from_text("a.shop.svc.west.local")]
    assert ask(blocks["east.local"], "b.shop.svc.east.local A").rdata() == [
        "CNAME b.shop.svc.west.local.",
        "A 10.0.0.1",
    ]


def test_a_request_that_is_chased_already_knows_the_names_before_it() -> None:
    seen: list[Request] = []

    async def note(request: Request) -> Reply:
        seen.append(request)
        return await Elsewhere(INTERNET).handle(request)

    resolve: Handler = note
    ask(directive(stores(), resolve=resolve), "through.shop.svc.cluster.local A")
    (chased,) = seen
    assert isinstance(chased, Followed)
    assert chased.passed == (
        name_from_text("through.shop.svc.cluster.local"),
        name_from_text("out.shop.svc.cluster.local"),
    )
    assert chased.query.qtype == numbers.A


def test_a_circle_through_another_directive_has_an_end() -> None:
    stores = cluster(external("shop/circle", "elsewhere.example"))
    template = 'template IN A elsewhere.example {\n answer "{{ .Name }} 60 IN CNAME circle.shop.svc.cluster.local."\n}'

    async def whole(request: Request) -> Reply:
        return await chain(request)

    kubernetes = directive(stores, resolve=whole)
    chain = handler(template, kubernetes.handle, resolve=whole)
    with pytest.raises(UpstreamFailure, match="in a circle"):
        start(chain(request_for("circle.shop.svc.cluster.local A"))).result()
