"""`python -m tests.support.echo_dns ADDRESS...`: a DNS server on port 53 that answers with the address of its client.

The address of an IPv4 client is the mapped one (RFC 4291 section 2.5.5.2) for a question of type AAAA.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from ipaddress import ip_address

import dnslib


def answer(message: bytes, client: str) -> bytes:
    """The answer for a client."""
    question = dnslib.DNSRecord.parse(message)
    reply = question.reply()
    if question.q.qtype == dnslib.QTYPE.AAAA:
        mapped = ip_address(client if ":" in client else f"::ffff:{client}").packed
        reply.add_answer(dnslib.RR(question.q.qname, dnslib.QTYPE.AAAA, rdata=dnslib.AAAA(tuple(mapped)), ttl=30))
    elif ":" not in client:
        reply.add_answer(dnslib.RR(question.q.qname, dnslib.QTYPE.A, rdata=dnslib.A(client), ttl=30))
    return bytes(reply.pack())


class _Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(answer(data, addr[0]), addr)


async def _serve_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(2), "big")
            message = answer(await reader.readexactly(length), writer.get_extra_info("peername")[0])
            writer.write(len(message).to_bytes(2, "big") + message)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(addresses: list[str]) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        await loop.create_datagram_endpoint(_Datagrams, local_addr=(address, 53), family=family)
        await asyncio.start_server(_serve_stream, address, 53)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
