"""The dns64 directive: what is translated, into which addresses, and for whom."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network
from typing import Any

import dns.flags
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.directives.chain import Reply, Request, client_view
from clusterdns.directives.dns64 import embed
from clusterdns.errors import UpstreamFailure
from tests.support.chain import NODATA, NXDOMAIN, SOA, Says, answer, read, records, request, response_to
from tests.support.directive import handler

FOUR = Says(answer=("@ 300 IN A 192.0.2.1", "@ 20 IN A 192.0.2.2"))
MADE = ["web. 30 IN AAAA 64:ff9b::c000:201", "web. 20 IN AAAA 64:ff9b::c000:202"]


class ByType:
    """A chain that answers by type."""

    def __init__(self, aaaa: Says, a: Says) -> None:
        self._says = {28: aaaa, 1: a}
        self.asked: list[int] = []

    async def handle(self, asked: Request) -> Reply:
        self.asked.append(asked.query.qtype)
        says = self._says[asked.query.qtype]
        if says.error is not None:
            raise says.error
        return Reply(response_to(asked, says), "fake", **says.reply)


LATE = Says(error=UpstreamFailure("10.0.0.1", "no answer"))
SERVFAIL = Says(rcode="SERVFAIL")
SIX = Says(answer=("@ 60 IN AAAA 2001:db8::1",))
MAPPED = Says(answer=("@ 60 IN AAAA ::ffff:192.0.2.1",))

# Options, what AAAA and A say, the answer.
ROWS: dict[str, tuple[str, Says, Says, list[str]]] = {
    "no IPv6 address": ("", NODATA, FOUR, MADE),
    "an IPv6 address": ("", SIX, FOUR, ["web. 60 IN AAAA 2001:db8::1"]),
    "translate_all": (
        "translate_all",
        SIX,
        FOUR,
        ["web. 300 IN AAAA 64:ff9b::c000:201", "web. 20 IN AAAA 64:ff9b::c000:202"],
    ),
    "an IPv6 address that leads nowhere": (
        "",
        MAPPED,
        Says(answer=("@ 700 IN A 192.0.2.1",)),
        ["web. 600 IN AAAA 64:ff9b::c000:201"],
    ),
    "a server that fails for AAAA": ("", SERVFAIL, FOUR, ["web. 300 IN AAAA 64:ff9b::c000:201", MADE[1]]),
    "a server that is silent for AAAA": ("", LATE, FOUR, ["web. 300 IN AAAA 64:ff9b::c000:201", MADE[1]]),
    "no name": ("", NXDOMAIN, FOUR, []),
    "no address at all": ("", NODATA, NODATA, []),
    "a server that fails for A": ("", NODATA, SERVFAIL, []),
    "a server that is silent for A": ("", NODATA, LATE, []),
    "a CNAME": (
        "",
        Says(answer=("@ 60 IN CNAME a.example.",), authority=(SOA,)),
        Says(answer=("@ 60 IN CNAME a.example.", "a.example. 10 IN A 192.0.2.1")),
        ["web. 60 IN CNAME a.example.", "a.example. 10 IN AAAA 64:ff9b::c000:201"],
    ),
    "a prefix": ("prefix 2001:db8:122:344::/64", NODATA, FOUR, [
        "web. 30 IN AAAA 2001:db8:122:344:c0:2:100:0",
        "web. 20 IN AAAA 2001:db8:122:344:c0:2:200:0",
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("options", "aaaa", "a", "section"), ROWS.values(), ids=ROWS)
def test_answers(options: str, aaaa: Says, a: Says, section: list[str]) -> None:
    behind = ByType(aaaa, a)
    reply = answer(handler(f"dns64 {{\n{options}\n}}", behind.handle)(request("web.", "AAAA", client="fd00::1")))
    assert records(reply) == section
    assert reply.source == ("fake" if section in ([], ["web. 60 IN AAAA 2001:db8::1"]) else "dns64")
    assert behind.asked == ([28] if aaaa is NXDOMAIN or (aaaa is SIX and not options) else [28, 1])


def test_what_is_not_made_goes_back_as_it_came() -> None:
    reply = answer(handler("dns64", ByType(NXDOMAIN, FOUR).handle)(request("web.", "AAAA", client="fd00::1")))
    assert (dns.rcode.to_text(read(reply).rcode()), records(reply, "authority")) == ("NXDOMAIN", [SOA])
    reply = answer(handler("dns64", ByType(NODATA, NODATA).handle)(request("web.", "AAAA", client="fd00::1")))
    assert (reply.source, records(reply, "authority")) == ("fake", [SOA])


def test_what_is_made_is_not_authentic() -> None:
    signed = Says(answer=("@ 60 IN A 192.0.2.1",), flags="QR RD RA AD")
    reply = answer(handler("dns64", ByType(NODATA, signed).handle)(request("web.", "AAAA", client="fd00::1")))
    assert dns.flags.to_text(read(reply).flags) == "QR RD RA"


@pytest.mark.parametrize(
    ("lines", "qtype", "client", "query"),
    [
        ("dns64", "AAAA", "10.0.0.1", {}),
        ("dns64", "A", "fd00::1", {}),
        # Who validates is not deceived.
        ("dns64", "AAAA", "fd00::1", {"dnssec_ok": True, "flags": "RD CD"}),
    ],
)
def test_who_gets_none(lines: str, qtype: str, client: str, query: dict[str, Any]) -> None:
    behind = ByType(NODATA, Says())
    reply = answer(handler(lines, behind.handle)(request("web.", qtype, client=client, **query)))
    assert (reply.source, len(behind.asked)) == ("fake", 1)


def test_silence_stays_a_failure_for_ipv4_clients() -> None:
    with pytest.raises(UpstreamFailure, match="no answer"):
        answer(handler("dns64", ByType(LATE, FOUR).handle)(request("web.", "AAAA", client="10.0.0.1")))


# Options, client, whether AAAA is NODATA, whom the answer is for.
@pytest.mark.parametrize(
    ("options", "client", "aaaa", "view"),
    [
        ("", "fd00::1", NODATA, client_view("fd00::1")),
        # The IPv6 client that sends the same bytes must not get this denial.
        ("", "10.0.0.1", NODATA, client_view("10.0.0.1")),
        ("", "fd00::1", SIX, None),
        ("", "10.0.0.1", SIX, None),
        ("allow_ipv4", "10.0.0.1", NODATA, None),
        ("allow_ipv4", "fd00::1", NODATA, None),
    ],
)
def test_whom_an_answer_is_for(options: str, client: str, aaaa: Says, view: bytes | None) -> None:
    behind = ByType(aaaa.replying(fresh_until=130.0), FOUR.replying(fresh_until=400.0))
    reply = answer(handler(f"dns64 {{\n{options}\n}}", behind.handle)(request("web.", "AAAA", client=client)))
    assert reply.view == view
    # No longer than the shortest of what went into it.
    assert reply.fresh_until == (120.0 if reply.source == "dns64" else 130.0)


@pytest.mark.parametrize(
    ("prefix", "made"),
    [
        # RFC 6052 section 2.4, table 1.
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
    ],
)
def test_addresses(prefix: str, made: str) -> None:
    network = IPv6Network(prefix)
    found = embed(network.network_address.packed, network.prefixlen // 8, IPv4Address("192.0.2.33").packed)
    assert found == IPv6Network(made).network_address.packed


@given(st.binary(min_size=4, max_size=4), st.sampled_from([4, 5, 6, 7, 8, 12]))
def test_every_address_is_whole_and_has_bits_64_to_71_free(address: bytes, prefix_bytes: int) -> None:
    made = embed(bytes.fromhex("20010db8012203440000000000000000"), prefix_bytes, address)
    assert len(made) == 16
    assert made[8] == 0
    assert (made[:8] + made[9:])[prefix_bytes - (prefix_bytes > 8) :].startswith(address)
