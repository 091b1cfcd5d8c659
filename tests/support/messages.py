"""DNS messages for tests, built by dnspython or byte by byte, and the sample messages that every reader is fed.

`query`, `response` and `section` are for any test; `QUERIES` and `RESPONSES` are the samples, by name, all valid.
"""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

OPT_RECORD = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
SOA_TEXT = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5"


def query(
    name: str = "web.shop.svc.cluster.local.",
    qtype: str = "A",
    *,
    message_id: int = 0x1234,
    qclass: str = "IN",
    payload: int | None = None,
    dnssec_ok: bool = False,
    subnet: str | None = None,
    flags: str = "RD",
) -> bytes:
    """A query in wire form. `payload` in bytes, or `dnssec_ok` or `subnet` (`10.0.0.1/32`), make it an EDNS query."""
    message = dns.message.make_query(name, qtype, qclass, id=message_id)
    message.flags = dns.flags.from_text(flags)
    options: list[dns.edns.Option] = []
    if subnet is not None:
        address, prefix = subnet.split("/")
        options.append(dns.edns.ECSOption(address, int(prefix)))
    if payload is not None or dnssec_ok or options:
        message.use_edns(0, dns.flags.DO if dnssec_ok else 0, payload or 1232, options=options)
    return message.to_wire()


def section(*records: str) -> list[dns.rrset.RRset]:
    """RRsets from lines of zone-file text: `name ttl class type rdata`."""
    rrsets = []
    for record in records:
        name, ttl, rclass, rtype, rdata = record.split(maxsplit=4)
        rrsets.append(dns.rrset.from_text(name, int(ttl), rclass, rtype, rdata))
    return rrsets


def response(
    question: bytes,
    *,
    answer: tuple[str, ...] = (),
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    rcode: str = "NOERROR",
    flags: str = "QR RD RA",
    edns: bool = False,
) -> bytes:
    """An upstream's response to the query `question`, names compressed; records are text as `section` takes it."""
    made = dns.message.make_response(dns.message.from_wire(question))
    made.use_edns(0 if edns else False, payload=1232)
    made.flags = dns.flags.from_text(flags)
    made.set_rcode(dns.rcode.from_text(rcode))
    made.answer = section(*answer)
    made.authority = section(*authority)
    made.additional = section(*additional)
    return made.to_wire(max_size=65535)


def record(owner: bytes, rtype: int, ttl: int, rdata: bytes, rclass: int = 1) -> bytes:
    """One record as bytes; `owner` in wire form, it may be a pointer."""
    return owner + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata)) + rdata


def with_records(message: bytes, section_index: int, *records: bytes) -> bytes:
    """`message` with records behind its end, counted in the answer (0), authority (1) or additional (2) section."""
    place = 6 + 2 * section_index
    count = int.from_bytes(message[place : place + 2], "big") + len(records)
    return message[:place] + count.to_bytes(2, "big") + message[place + 2 :] + b"".join(records)


def _tsig() -> bytes:
    signature = b"\x0bhmac-sha256\0" + bytes(6) + struct.pack("!HH", 300, 32) + bytes(32) + bytes(6)
    return record(b"\3key\7example\0", 250, 0, signature, 255)


def _with_options(*options: dns.edns.Option) -> bytes:
    return dns.message.make_query(
        "web.example.", "AAAA", id=2, use_edns=0, payload=4096, options=list(options)
    ).to_wire()


def ixfr(zone: str, serial: int) -> bytes:
    """The question for what has changed in `zone` since `serial`."""
    message = dns.message.make_query(zone, "IXFR", id=3)
    message.authority = section(f"{zone} 30 IN SOA ns.{zone} host.{zone} {serial} 7200 1800 86400 5")
    return message.to_wire()


QUERIES: dict[str, bytes] = {
    "plain": query(),
    "root": query(".", "NS"),
    "mixed case": query("WeB.Shop.svc.CLUSTER.local.", "AAAA"),
    "longest name": query(".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61]) + "."),
    "chaos": query("version.bind.", "TXT", qclass="CH"),
    "edns": query(payload=1232),
    "dnssec ok": query(dnssec_ok=True, flags="RD AD CD"),
    "subnet v4": query(subnet="10.1.2.3/32"),
    "subnet v6": query(subnet="fd00::1234/128"),
    "subnet /20": query(subnet="10.1.16.0/20"),
    "cookie": _with_options(dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")),
    "cookie, subnet, padding": _with_options(
        dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678"),
        dns.edns.ECSOption("192.0.2.0", 24),
        dns.edns.GenericOption(dns.edns.OptionType.PADDING, bytes(100)),
    ),
    "ixfr": ixfr("cluster.local.", 1),
    "tsig": with_records(query(payload=1232), 2, _tsig()),
    "opt before another": with_records(query(payload=1232), 2, record(b"\xc0\x0c", 1, 0, b"\x7f\0\0\1")),
}

_WEB = query()
_SRV = query("_http._tcp.web.shop.svc.cluster.local.", "SRV")
_SRV_ANSWER = (
    "_http._tcp.web.shop.svc.cluster.local. 30 IN SRV 0 50 80 a.web.shop.svc.cluster.local.",
    "_http._tcp.web.shop.svc.cluster.local. 30 IN SRV 0 50 80 b.web.shop.svc.cluster.local.",
)
_SRV_ADDITIONAL = (
    "a.web.shop.svc.cluster.local. 30 IN A 10.0.0.1",
    "b.web.shop.svc.cluster.local. 30 IN AAAA fd00::2",
)
_CHAIN = (
    "web.shop.svc.cluster.local. 30 IN CNAME www.example.",
    "www.example. 300 IN CNAME cdn.example.",
)

RESPONSES: dict[str, bytes] = {
    "positive": response(_WEB, answer=("web.shop.svc.cluster.local. 30 IN A 10.0.0.1",)),
    "positive, edns": response(_WEB, answer=("web.shop.svc.cluster.local. 30 IN A 10.0.0.1",), edns=True),
    "several addresses": response(
        _WEB, answer=tuple(f"web.shop.svc.cluster.local. 30 IN A 10.0.0.{last}" for last in range(1, 41))
    ),
    "cname chain": response(_WEB, answer=(*_CHAIN, "cdn.example. 60 IN A 192.0.2.1")),
    "cname chain to nxdomain": response(_WEB, answer=_CHAIN, authority=(SOA_TEXT,), rcode="NXDOMAIN", edns=True),
    "nxdomain": response(_WEB, authority=(SOA_TEXT,), rcode="NXDOMAIN"),
    "nodata": response(_WEB, authority=(SOA_TEXT,)),
    "nothing": response(_WEB),
    "refused": response(_WEB, rcode="REFUSED", edns=True),
    "referral": response(
        _WEB,
        authority=("cluster.local. 60 IN NS ns.cluster.local.",),
        additional=("ns.cluster.local. 60 IN A 10.96.0.10",),
        flags="QR RD",
    ),
    "srv with additionals": response(_SRV, answer=_SRV_ANSWER, additional=_SRV_ADDITIONAL),
    "srv with additionals, edns": response(_SRV, answer=_SRV_ANSWER, additional=_SRV_ADDITIONAL, edns=True),
    "opt not last": with_records(response(_SRV, answer=_SRV_ANSWER, additional=_SRV_ADDITIONAL, edns=True), 2, _tsig()),
    "opt first in additional": with_records(
        response(_SRV, answer=_SRV_ANSWER),
        2,
        OPT_RECORD,
        record(b"\1a\xc0\x17", 1, 30, b"\x0a\0\0\1"),
    ),
    "extended rcode": response(_WEB, rcode="BADVERS", edns=True),
    "truncated": response(_WEB, flags="QR TC RD RA"),
    "long txt": response(
        query("long.example.", "TXT"),
        answer=("long.example. 0 IN TXT " + " ".join(f'"{letter * 255}"' for letter in "abcdefghij"),),
    ),
    "root": response(query(".", "NS"), answer=(". 518400 IN NS a.root-servers.net.",)),
    "unknown type": response(query("x.example.", "TYPE65280"), answer=(r"x.example. 5 IN TYPE65280 \# 3 c00c00",)),
}
