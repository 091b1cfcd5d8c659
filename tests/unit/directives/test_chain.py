"""What flows along a chain."""

from __future__ import annotations

import dns.flags
import pytest

from clusterdns.directives.chain import ORDER, client_view, reply_with
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text
from clusterdns.wire.records import Record, soa_rdata
from clusterdns.wire.response import Kind
from tests.support.chain import read, records, request


def test_autopath_stands_before_the_cache() -> None:
    # What is cached are the answers of real names, never the synthesised one.
    assert ORDER.index("autopath") < ORDER.index("cache") < ORDER.index("kubernetes") < ORDER.index("forward")
    # And acl sees each name of a walk, as it has to.
    assert ORDER.index("autopath") < ORDER.index("acl") < ORDER.index("cache")
    assert ORDER.index("errors") < ORDER.index("log") < ORDER.index("autopath")


def test_asking_for_another_name_keeps_the_client() -> None:
    asked = request(client="fd00::7", transport="tcp", now=5.0, dnssec_ok=True)
    other = asked.ask_for(name_from_text("Www.Example."), numbers.AAAA)
    assert (other.client, other.transport, other.now, other.port) == ("fd00::7", "tcp", 5.0, asked.port)
    assert (other.query.name, other.query.folded, other.query.qtype) == (
        b"\3Www\7Example\0",
        b"\3www\7example\0",
        numbers.AAAA,
    )
    assert other.query.dnssec_ok
    assert (asked.query.qtype, other.ask_for(b"\0").query.qtype) == (numbers.A, numbers.AAAA)


@pytest.mark.parametrize("client", ["10.0.0.1", "fd00::1"])
def test_a_client_s_own_view_is_no_namespace_s(client: str) -> None:
    # Names of namespaces are labels (RFC 1123): without dots or colons.
    assert set(client_view(client)) & set(b".:")


def test_reply_with_records() -> None:
    asked = request("Web.example.", flags="RD CD")
    soa = Record(name_from_text("example."), numbers.SOA, 30, soa_rdata(b"\0", b"\0", 1, 2, 3, 4, 5))
    reply = reply_with(
        asked,
        "hosts",
        flags=numbers.AA,
        answer=[Record(asked.query.name, numbers.A, 60, bytes((10, 0, 0, 1)))],
        additional=[Record(name_from_text("b.example."), numbers.A, 20, bytes((10, 0, 0, 2)))],
        cacheable=False,
    )
    assert records(reply) == ["Web.example. 60 IN A 10.0.0.1"]
    assert records(reply, "additional") == ["b.example. 20 IN A 10.0.0.2"]
    assert dns.flags.to_text(read(reply).flags) == "QR AA RD"
    assert (reply.source, reply.cacheable, reply.fresh_until, reply.view) == ("hosts", False, 0.0, None)
    assert (reply.response.ttl, reply.response.kind) == (20, Kind.ANSWER)
    denial = reply_with(asked, "kubernetes", rcode=numbers.NXDOMAIN, authority=[soa])
    assert (denial.response.ttl, denial.response.kind, denial.cacheable) == (5, Kind.NXDOMAIN, True)
