"""The `bufsize` directive: answers over UDP no larger than so many bytes, so that no packet on the way is cut up.

It holds for clients that speak EDNS; others get 512 bytes (RFC 1035 section 4.2.1). It only shrinks: a client that
takes less gets less, and no answer over UDP is larger than 1,232 bytes anyway (`clusterdns.limits.UDP_EDNS_BYTES`).
What is cut has TC set, and the packet cache does not keep it.
"""

from __future__ import annotations

from dataclasses import replace

from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.config.bufsize import Config
from clusterdns.wire.edns import ClientSubnet, encode_opt
from clusterdns.wire.reply import truncate
from clusterdns.wire.response import read_response

_OPT_BYTES = len(encode_opt())
_LARGEST_OPT_BYTES = len(encode_opt(subnet=ClientSubnet(bytes(16), 128)))


def make(config: Config, site: object, following: Handler) -> Handler:
    """The handler of one `bufsize`; see `clusterdns.directives.assemble.Maker`."""

    async def handle(request: Request) -> Reply:
        reply = await following(request)
        edns = request.query.edns
        if request.transport != "udp" or edns is None or edns.payload_bytes <= config.size:
            return reply
        response = reply.response
        room = config.size - (_OPT_BYTES if reply.scope is None else _LARGEST_OPT_BYTES)
        if len(response.message) <= room:
            return reply
        cut = read_response(truncate(response.message, room, response.question_end))
        return replace(reply, response=replace(cut, rcode=response.rcode, kind=response.kind))

    return handle
