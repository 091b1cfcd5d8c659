"""NS records and their glue: the Services in front of this server, else `ns.dns` at its own addresses."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from autopath.name_servers import own_addresses
from clusterdns.kube.store import Cluster
from tests.unit.autopath.asking import ask, directive
from tests.unit.autopath.objects import cluster, endpoint, service, slice_of

US = ("10.244.0.5", "fd00:10::5")


def stores() -> Cluster:
    return cluster(
        service("kube-system/kube-dns", "10.96.0.10", "fd00:96::a"),
        slice_of("kube-system/kube-dns", endpoint("10.244.0.5"), endpoint("10.244.0.6")),
        service("kube-system/peers"),
        slice_of("kube-system/peers", endpoint("10.244.0.7", hostname="dns-0"), endpoint("10.244.0.8")),
        slice_of("kube-system/peers", endpoint("fd00:10::7", hostname="dns-0"), name="six", address_type="IPv6"),
        service("shop/web", "10.96.1.10"),
        slice_of("shop/web", endpoint("10.244.0.9", ready=False)),
        slice_of("kube-system/orphan", endpoint("10.244.0.10")),
        namespaces=("kube-system", "shop"),
    )


KUBE_DNS = "kube-dns.kube-system.svc.cluster.local."
DNS_0 = "dns-0.peers.kube-system.svc.cluster.local."
OTHER = "10-244-0-8.peers.kube-system.svc.cluster.local."
PEERS = [f"{DNS_0} 30 IN A 10.244.0.7", f"{DNS_0} 30 IN AAAA fd00:10::7", f"{OTHER} 30 IN A 10.244.0.8"]

# (our addresses, targets of NS, glue)
ROWS: list[tuple[tuple[str, ...], list[str], list[str]]] = [
    (("10.244.0.5",), [KUBE_DNS], [f"{KUBE_DNS} 30 IN A 10.96.0.10", f"{KUBE_DNS} 30 IN AAAA fd00:96::a"]),
    (US, [KUBE_DNS], [f"{KUBE_DNS} 30 IN A 10.96.0.10", f"{KUBE_DNS} 30 IN AAAA fd00:96::a"]),
    # Each endpoint of a headless Service, with its addresses of both families, whichever of them answers.
    (("fd00:10::7",), [DNS_0, OTHER], PEERS),
    (("10.244.0.8",), [DNS_0, OTHER], PEERS),
    # Not ready, or without a Service: nobody comes that way.
    (("10.244.0.9",), ["ns.dns.cluster.local."], ["ns.dns.cluster.local. 30 IN A 10.244.0.9"]),
    (
        ("10.244.0.10", "fd00:10::10"),
        ["ns.dns.cluster.local."],
        ["ns.dns.cluster.local. 30 IN A 10.244.0.10", "ns.dns.cluster.local. 30 IN AAAA fd00:10::10"],
    ),
    ((), [], []),
]


@pytest.mark.parametrize(("own", "targets", "glue"), ROWS)
@pytest.mark.parametrize("zone", ["cluster.local", "in-addr.arpa"])
def test_name_servers(zone: str, own: tuple[str, ...], targets: list[str], glue: list[str]) -> None:
    got = ask(directive(stores(), own=own), f"{zone} NS")
    assert got.answer == [f"{zone}. 30 IN NS {target}" for target in targets]
    assert sorted(got.additional) == sorted(glue)
    assert (got.rcode, len(got.authority)) == ("NOERROR", 0 if targets else 1)


@pytest.mark.parametrize(("own", "targets", "glue"), ROWS)
@pytest.mark.parametrize("qtype", ["A", "AAAA"])
def test_the_name_in_the_soa_has_their_addresses(
    qtype: str, own: tuple[str, ...], targets: list[str], glue: list[str]
) -> None:
    got = ask(directive(stores(), own=own), f"ns.dns.cluster.local {qtype}")
    assert got.rdata() == [" ".join(line.split()[3:]) for line in glue if line.split()[3] == qtype]


def test_ns_elsewhere_is_nodata() -> None:
    got = ask(directive(stores(), own=US), "web.shop.svc.cluster.local NS")
    assert (got.rcode, got.answer) == ("NOERROR", [])


class Routes:
    """Sockets of a host whose default routes go out from these addresses."""

    def __init__(self, sources: dict[int, str]) -> None:
        self.sources = sources

    def __call__(self, family: int, kind: int) -> Routes:
        assert kind == socket.SOCK_DGRAM
        self.family = family
        return self

    def __enter__(self) -> Routes:
        return self

    def __exit__(self, *_: Any) -> None: ...

    def connect(self, _place: Any) -> None:
        if self.family not in self.sources:
            raise OSError("no route")

    def getsockname(self) -> tuple[str, int]:
        return self.sources[self.family], 1


V4, V6 = {socket.AF_INET: "10.244.0.5"}, {socket.AF_INET6: "fd00:10:0::5"}

OWN = [
    (["0.0.0.0", "::"], V4 | V6, ("10.244.0.5", "fd00:10::5")),
    (["0.0.0.0", "::"], V4, ("10.244.0.5",)),
    (["::"], V4 | V6, ("fd00:10::5",)),
    (["0.0.0.0", "::"], {}, ()),
    (["0.0.0.0", "10.244.0.5", "192.0.2.7"], V4, ("10.244.0.5", "192.0.2.7")),
    (["192.0.2.7", "2001:DB8::7"], V4 | V6, ("192.0.2.7", "2001:db8::7")),
    (["127.0.0.1", "::1", "169.254.20.10", "fe80::1"], V4, ()),
    (["0.0.0.0"], {socket.AF_INET: "127.0.0.1"}, ()),
]


@pytest.mark.parametrize(("bound", "sources", "expected"), OWN)
def test_own_addresses(
    monkeypatch: pytest.MonkeyPatch, bound: list[str], sources: dict[int, str], expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr(socket, "socket", Routes(sources))
    assert own_addresses(bound) == expected
