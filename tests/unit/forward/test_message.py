"""What an upstream gets to see, read back by dnslib."""

from __future__ import annotations

import dnslib
import pytest

from clusterdns.forward.message import compose_body, compose_check, compose_question, without_edns
from clusterdns.forward.random_ids import RandomIds
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.query import Query, read_query


def query(
    name: str = "Web.Example", qtype: str = "AAAA", *, flags: int = numbers.RD, opt: dnslib.EDNS0 | None = None
) -> Query:
    record = dnslib.DNSRecord.question(name, qtype)
    record.header.bitmap = flags
    if opt is not None:
        record.add_ar(opt)
    return read_query(bytes(record.pack()))


def body(asked: Query, subnet: ClientSubnet | None = None) -> bytes:
    return compose_body(asked, compose_question(asked), subnet)


@pytest.mark.parametrize(
    ("asked", "flags", "dnssec_ok"),
    [
        (query(), numbers.RD | numbers.AD, 0),
        (query(flags=0), numbers.RD | numbers.AD, 0),
        (query(flags=numbers.RD | numbers.CD), numbers.RD | numbers.AD | numbers.CD, 0),
        (query(opt=dnslib.EDNS0(udp_len=4096)), numbers.RD | numbers.AD, 0),
        (query(opt=dnslib.EDNS0(flags="do", udp_len=512)), numbers.RD | numbers.AD, 1),
        (query(opt=dnslib.EDNS0(opts=[dnslib.EDNSOption(10, b"cookie00")])), numbers.RD | numbers.AD, 0),
        (query(opt=dnslib.EDNS0(opts=[dnslib.EDNSOption(8, b"\0\1\x18\0\1\2\3")])), numbers.RD | numbers.AD, 0),
    ],
)
def test_header_and_opt_are_our_own(asked: Query, flags: int, dnssec_ok: int) -> None:
    sent = dnslib.DNSRecord.parse(b"\x00\x01" + body(asked))
    assert sent.header.bitmap == flags
    assert (str(sent.q.qname), sent.q.qtype, sent.q.qclass) == ("web.example.", dnslib.QTYPE.AAAA, 1)
    (opt,) = sent.ar
    assert (opt.rtype, opt.rclass, opt.ttl, opt.rdata) == (dnslib.QTYPE.OPT, 1232, dnssec_ok << 15, [])


@pytest.mark.parametrize(
    ("subnet", "data"),
    [
        (ClientSubnet(bytes((10, 1, 2, 3)), 32), bytes((0, 1, 32, 0, 10, 1, 2, 3))),
        (ClientSubnet(bytes(range(16)), 128), bytes((0, 2, 128, 0, *range(16)))),
    ],
)
def test_the_subnet_is_the_only_option(subnet: ClientSubnet, data: bytes) -> None:
    asked = query(opt=dnslib.EDNS0(flags="do", opts=[dnslib.EDNSOption(10, b"cookie00")]))
    (opt,) = dnslib.DNSRecord.parse(b"\x00\x01" + body(asked, subnet)).ar
    assert opt.ttl == 0x8000
    assert [(option.code, bytes(option.data)) for option in opt.rdata] == [(8, data)]


def test_the_same_question_is_the_same_bytes() -> None:
    assert body(query("WEB.example")) == body(query("web.EXAMPLE", opt=dnslib.EDNS0()))
    different = {
        body(query()),
        body(query("web2.example")),
        body(query(qtype="A")),
        body(query(flags=numbers.CD)),
        body(query(opt=dnslib.EDNS0(flags="do"))),
        body(query(), ClientSubnet(bytes((10, 1, 2, 3)), 32)),
        body(query(), ClientSubnet(bytes((10, 1, 2, 4)), 32)),
    }
    assert len(different) == 7


def test_without_edns() -> None:
    asked = query(flags=numbers.CD)
    sent = dnslib.DNSRecord.parse(b"\x00\x01" + without_edns(body(asked), compose_question(asked)))
    assert sent.header.bitmap == numbers.RD | numbers.AD | numbers.CD
    assert str(sent.q.qname) == "web.example."
    assert sent.ar == []


@pytest.mark.parametrize(("recursion_desired", "flags"), [(True, numbers.RD), (False, 0)])
def test_a_health_check(recursion_desired: bool, flags: int) -> None:
    asked, message = compose_check(b"\6health\5local\0", recursion_desired=recursion_desired)
    sent = dnslib.DNSRecord.parse(b"\x00\x01" + message)
    assert (str(sent.q.qname), sent.q.qtype, sent.header.bitmap, sent.ar) == ("health.local.", numbers.NS, flags, [])
    assert compose_question(asked) in message


def test_ids_are_sixteen_bits_and_many() -> None:
    next_id = RandomIds()
    ids = [next_id() for _ in range(5000)]
    assert all(0 <= message_id <= 0xFFFF for message_id in ids)
    assert len(set(ids)) > 4000
