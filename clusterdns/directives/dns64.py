"""The `dns64` directive: IPv6 addresses, made of IPv4 ones, for names that have none (RFC 6147).

For networks where clients have IPv6 only and NAT64 carries them to IPv4 servers. It answers AAAA; so that no IPv4
client is sent there, by default only those who ask over IPv6 get it. Both kinds may send the same bytes, so such an
answer, and the one that an IPv4 client got in its place, are each for their own client in the packet cache.

Not done: PTR for made addresses (section 5.3.1), and validation.
"""

from __future__ import annotations

from dataclasses import replace

from clusterdns.directives.chain import Counting, Handler, Reply, Request, client_view, reply_with
from clusterdns.directives.config.dns64 import Config
from clusterdns.directives.follow import shared
from clusterdns.directives.recompose import recompose
from clusterdns.errors import UpstreamFailure
from clusterdns.limits import DNS64_TTL
from clusterdns.wire import numbers
from clusterdns.wire.records import Record, Sections, read_sections
from clusterdns.wire.response import Response

_RRSIG = 46
_IPV4_MAPPED = bytes(10) + b"\xff\xff"


def make(config: Config, site: Counting, following: Handler) -> Handler:
    """The handler of one `dns64`; see `clusterdns.directives.assemble.Maker`."""
    return Dns64(config, following, site).handle


class Dns64:
    """One directive's handler."""

    def __init__(self, config: Config, following: Handler, site: Counting) -> None:
        self._prefix = config.prefix.network_address.packed
        self._prefix_bytes = config.prefix.prefixlen // 8
        self._translate_all = config.translate_all
        self._allow_ipv4 = config.allow_ipv4
        self._following = following
        self._site = site

    async def handle(self, request: Request) -> Reply:
        query = request.query
        # Whoever sets both CD and DO validates for itself, and would find that the answer is made up (RFC 6147
        # section 5.5).
        if query.qtype != numbers.AAAA or (query.dnssec_ok and query.checking_disabled):
            return await self._following(request)
        served = self._allow_ipv4 or ":" in request.client
        try:
            reply = await self._following(request)
        except UpstreamFailure:
            if not served:
                raise
            # "If the query receives no answer before the timeout … it is treated as RCODE=2" (section 5.1.3).
            reply = reply_with(request, "dns64", rcode=numbers.SERVFAIL, cacheable=False)
        if not self._needs_translation(reply.response):
            return reply
        if served:
            reply = await self._translate(request, reply)
        return reply if self._allow_ipv4 else replace(reply, view=client_view(request.client))

    def _needs_translation(self, response: Response) -> bool:
        # "the RCODE … 3 (NXDOMAIN)" goes back as it is; any other error is "treated as though the RCODE were 0 and the
        # answer section were empty" (section 5.1.2).
        if response.rcode == numbers.NXDOMAIN:
            return False
        if self._translate_all or response.rcode != numbers.NOERROR:
            return True
        # ::ffff:0:0/96 leads nowhere: "treated as though … the answer were empty" (section 5.1.4).
        return not any(
            record.rtype == numbers.AAAA and not record.rdata.startswith(_IPV4_MAPPED)
            for record in read_sections(response.message).answer
        )

    async def _translate(self, request: Request, original: Reply) -> Reply:
        """The name's IPv4 addresses as IPv6 ones; `original` if there are none."""
        asked = replace(request, query=request.query.ask_for(request.query.name, numbers.A))
        try:
            found = await self._following(asked)
        except UpstreamFailure:
            return replace(original, fresh_until=0.0)
        sections = read_sections(found.response.message)
        if found.response.rcode != numbers.NOERROR or not any(each.rtype == numbers.A for each in sections.answer):
            return shared(request, original, original, found)
        self._site.count("dns64 translated")
        longest = _negative_ttl(original.response)
        # "All other RRs MUST be returned unchanged" (section 5.3.3), but signatures no longer fit what they sign.
        answer = [self._made(record, longest) for record in sections.answer if record.rtype != _RRSIG]
        made = recompose(found, request.query, Sections(answer, sections.authority, sections.additional))
        made = shared(request, replace(made, source="dns64"), original, found)
        return replace(made, fresh_until=min(made.fresh_until, request.now + made.response.ttl))

    def _made(self, record: Record, longest: int) -> Record:
        if record.rtype != numbers.A:
            return record
        rdata = embed(self._prefix, self._prefix_bytes, record.rdata)
        return record._replace(rtype=numbers.AAAA, ttl=min(record.ttl, longest), rdata=rdata)


def embed(prefix: bytes, prefix_bytes: int, address: bytes) -> bytes:
    """The IPv6 address that stands for an IPv4 one: RFC 6052 section 2.2, where byte 8 is left out."""
    made = prefix[:prefix_bytes] + address
    if prefix_bytes < 12:
        made = made[:8] + b"\0" + made[8:]
    return made.ljust(16, b"\0")


def _negative_ttl(response: Response) -> int:
    """The most that a made record may live: as long as its absence would have, or 600 s (section 5.1.7)."""
    soas = [record.ttl for record in read_sections(response.message).authority if record.rtype == numbers.SOA]
    return min(soas, default=DNS64_TTL.default_int)
