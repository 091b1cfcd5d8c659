"""Large headless Services: over UDP as many addresses as fit, TC, and all of them in turn; over TCP all at once."""

from __future__ import annotations

import dns.flags
import dns.message
import pytest

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.wire.names import name_from_text
from tests.support import messages
from tests.support.directive import handler
from tests.support.server import PEER
from tests.unit.autopath.asking import directive
from tests.unit.autopath.objects import cluster, endpoint, service, slice_of

NAME = "db.data.svc.cluster.local."
ENDPOINTS = 300


def server() -> Dispatcher:
    slices = [
        slice_of("data/db", *(endpoint(f"10.{number}.{part}.1") for number in range(100)), name=f"s{part}")
        for part in range(ENDPOINTS // 100)
    ]
    kubernetes = directive(cluster(service("data/db"), *slices))
    chain = handler("loadbalance", kubernetes.handle)
    return Dispatcher({name_from_text("."): chain}, PacketCache(views_of=lambda client: ()), lambda: 100.0)


def addresses(answered: object) -> tuple[dns.message.Message, list[str]]:
    assert isinstance(answered, bytes)
    message = dns.message.from_wire(answered, one_rr_per_rrset=True)
    return message, [str(rrset[0]) for rrset in message.answer]


# (EDNS payload, bytes that the answer may have)
LIMITS = [(None, 512), (512, 512), (1232, 1232), (4096, 1232)]


@pytest.mark.parametrize(("payload", "limit"), LIMITS)
def test_over_udp(payload: int | None, limit: int) -> None:
    asked = server()
    seen: set[str] = set()
    for _ in range(200):
        answered = asked.respond_udp(messages.query(NAME, payload=payload), PEER, lambda answer, to: None)
        message, found = addresses(answered)
        assert answered is not None
        # Another address would not have fitted.
        assert limit - 16 < len(answered) <= limit
        assert message.flags & dns.flags.TC
        assert len(set(found)) == len(found)
        seen.update(found)
    assert len(seen) == ENDPOINTS


def test_over_tcp() -> None:
    message, found = addresses(server().respond_tcp(messages.query(NAME), PEER, lambda answer, to: None))
    assert len(set(found)) == len(found) == ENDPOINTS
    assert not message.flags & dns.flags.TC


def test_srv_of_all_endpoints_with_their_addresses() -> None:
    asked = messages.query(f"_http._tcp.{NAME}", "SRV")
    message, found = addresses(server().respond_tcp(asked, PEER, lambda answer, to: None))
    assert (len(found), len(message.additional)) == (ENDPOINTS, ENDPOINTS)
    cut, _ = addresses(server().respond_udp(asked, PEER, lambda answer, to: None))
    assert cut.flags & dns.flags.TC
    assert cut.additional == []
