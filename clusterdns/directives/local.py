"""The `local` directive: names of the loopback are answered here, and never asked of anyone (RFC 6761, RFC 6303).

`localhost` and all names below it are 127.0.0.1 and ::1; the reverse zones of 0.0.0.0/8, 127.0.0.0/8, 255.0.0.0/8,
`::` and `::1` are empty but for the names of the two loopback addresses. With `localhost_prefix` so is `localhost.` in
front of any domain: a resolver appends its search domains before it asks for the name alone.

The answers never change and are for everyone: the packet cache may repeat them.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from clusterdns.directives.chain import Counting, Handler, Reply, Request, reply_with
from clusterdns.directives.config.local import Config
from clusterdns.limits import LOCAL_TTL
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.query import Query
from clusterdns.wire.records import Record, address_record, soa_rdata

_LOCALHOST = name_from_text("localhost")
_PREFIX = _LOCALHOST[:-1]
_ADDRESSES = (ip_address("127.0.0.1"), ip_address("::1"))
_POINTERS = tuple(name_from_text(address.reverse_pointer) for address in _ADDRESSES)
_REVERSE_ZONES = tuple(
    name_from_text(zone)
    for zone in (
        "0.in-addr.arpa",
        "127.in-addr.arpa",
        "255.in-addr.arpa",
        ip_address("::").reverse_pointer,
        ip_address("::1").reverse_pointer,
    )
)
_TTL = LOCAL_TTL.default_int
_SOA = soa_rdata(_LOCALHOST, name_from_text("root.localhost"), 1, 0, 0, 0, _TTL)


def make(config: Config, site: Counting, following: Handler) -> Handler:
    """The handler of one `local`; see `clusterdns.directives.assemble.Maker`."""

    async def handle(request: Request) -> Reply:
        zone = _zone_of(request.query.folded, config.localhost_prefix)
        if zone is None:
            return await following(request)
        if zone not in (_LOCALHOST, *_REVERSE_ZONES):
            site.count("localhost prefix")
        exists, answer = _lookup(request.query, zone)
        name = request.query.name
        reply = reply_with(
            request,
            "local",
            rcode=numbers.NOERROR if exists else numbers.NXDOMAIN,
            answer=answer,
            authority=() if answer else (Record(name[len(name) - len(zone) :], numbers.SOA, _TTL, _SOA),),
            cacheable=False,
        )
        return replace(reply, fresh_until=request.now + _TTL)

    return handle


def _zone_of(folded: bytes, localhost_prefix: bool) -> bytes | None:
    """The local zone that a name is in, or None. `localhost.` in front of a domain is a zone of its own."""
    if is_at_or_below(folded, _LOCALHOST):
        return _LOCALHOST
    if localhost_prefix and folded.startswith(_PREFIX):
        return folded
    return next((zone for zone in _REVERSE_ZONES if is_at_or_below(folded, zone)), None)


def _lookup(query: Query, zone: bytes) -> tuple[bool, list[Record]]:
    """Whether the name exists, and its records of the type asked for."""
    folded = query.folded
    if query.qtype == numbers.SOA and folded == zone:
        return True, [Record(query.name, numbers.SOA, _TTL, _SOA)]
    if query.qtype == numbers.NS and folded == zone:
        return True, [Record(query.name, numbers.NS, _TTL, _LOCALHOST)]
    if zone not in _REVERSE_ZONES:
        records = [address_record(query.name, address, _TTL) for address in _ADDRESSES]
        return True, [record for record in records if record.rtype == query.qtype]
    if folded in _POINTERS and query.qtype == numbers.PTR:
        return True, [Record(query.name, numbers.PTR, _TTL, _LOCALHOST)]
    # A name above one that exists does exist, if only without records (RFC 8020 section 2).
    return folded == zone or any(is_at_or_below(pointer, folded) for pointer in _POINTERS), []
