"""The `any` directive: a query of type ANY gets one small HINFO record (RFC 8482), whatever the name.

ANY is asked by those who use a server to flood others, and by nobody who needs all of it. The answer is for everyone,
and the packet cache may repeat it.
"""

from __future__ import annotations

from dataclasses import replace

from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.directives.config.any import Config
from clusterdns.limits import ANY_TTL
from clusterdns.wire import numbers
from clusterdns.wire.records import Record, txt_rdata

_HINFO = 13
# "The CPU field of the HINFO RDATA SHOULD be set to "RFC8482"" (RFC 8482 section 4.2).
_RDATA = txt_rdata(b"RFC8482", b"")


def make(config: Config, site: object, following: Handler) -> Handler:
    """The handler of one `any`; see `clusterdns.directives.assemble.Maker`."""

    async def handle(request: Request) -> Reply:
        query = request.query
        if query.qtype != numbers.ANY:
            return await following(request)
        record = Record(query.name, _HINFO, ANY_TTL.default_int, _RDATA)
        reply = reply_with(request, "any", answer=(record,), cacheable=False)
        return replace(reply, fresh_until=request.now + ANY_TTL.default)

    return handle
