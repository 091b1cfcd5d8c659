"""The upstream of the benchmarks: every name exists, with one A record for an hour. `python -m bench.upstream PORT`."""

from __future__ import annotations

import asyncio
import sys
from ipaddress import ip_address

from clusterdns.daemon.lifecycle import run
from clusterdns.errors import MalformedMessage
from clusterdns.listen.respond import Peer, Send
from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.tcp import TcpListener
from clusterdns.listen.udp import UdpListener
from clusterdns.wire import numbers
from clusterdns.wire.query import read_query
from clusterdns.wire.records import address_record, compose
from clusterdns.wire.reply import refuse

_ADDRESS = ip_address("192.0.2.1")


def _respond(message: bytes, peer: Peer, send: Send) -> bytes | None:
    try:
        query = read_query(message)
    except MalformedMessage:
        return refuse(message, numbers.FORMERR) if len(message) >= 12 else None
    record = address_record(query.name, _ADDRESS, 3600)
    answer = compose(query, flags=numbers.AA | numbers.RA, answer=[record] if query.qtype == numbers.A else [])
    return query.id.to_bytes(2, "big") + answer[2:]


async def _serve(port: int, stop: asyncio.Event) -> int:
    udp = UdpListener(open_udp("127.0.0.1", port), _respond)
    tcp = TcpListener(open_tcp("127.0.0.1", port), _respond)
    udp.start()
    await tcp.start()
    await stop.wait()
    udp.close()
    await tcp.close()
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda stop: _serve(int(sys.argv[1]), stop)))
