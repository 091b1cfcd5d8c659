"""The `whoami` directive: the client's own address and port, as additional records. The last link of a chain.

Each answer is for one client and one query: no cache may have it.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from clusterdns.directives.chain import Handler, Reply, Request, client_view, reply_with
from clusterdns.directives.config.whoami import Config
from clusterdns.wire import numbers
from clusterdns.wire.names import join
from clusterdns.wire.records import Record, address_record, srv_rdata


def make(config: Config, site: object, following: Handler) -> Handler:
    """The handler of one `whoami`; see `clusterdns.directives.assemble.Maker`. It never asks the next one."""

    async def handle(request: Request) -> Reply:
        name = request.query.name
        additional = [address_record(name, ip_address(request.client), 0)]
        transport = b"_" + request.transport.encode()
        owner = join(bytes((len(transport),)) + transport + numbers.ROOT, name)
        # A name of 255 bytes has no room for the label; the address is what matters.
        if owner is not None:
            additional.append(Record(owner, numbers.SRV, 0, srv_rdata(0, 0, request.port, numbers.ROOT)))
        reply = reply_with(request, "whoami", flags=numbers.AA, additional=additional, cacheable=False)
        return replace(reply, view=client_view(request.client))

    return handle
