"""Questions over real sockets, by dnspython: a client that shares no code with what it asks."""

from __future__ import annotations

import asyncio
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode

_SECONDS = 10.0


async def ask(
    port: int,
    question: str,
    *,
    source: str = "127.0.0.1",
    tcp: bool = False,
    where: str = "127.0.0.1",
    **options: Any,
) -> dns.message.Message:
    """Ask `name type` of a server on loopback from the address `source`; `options` are those of make_query."""
    name, qtype = question.split()
    query = dns.message.make_query(name, qtype, **options)
    transport = dns.query.tcp if tcp else dns.query.udp
    return await asyncio.to_thread(transport, query, where, _SECONDS, port, source=source)


def lines(message: dns.message.Message, section: str) -> list[str]:
    """The records of a section, `name ttl IN type rdata`, sorted."""
    return sorted(line for rrset in getattr(message, section) for line in rrset.to_text().splitlines())


def rcode(message: dns.message.Message) -> str:
    return dns.rcode.to_text(message.rcode())


def client_subnets(message: dns.message.Message) -> list[dns.edns.ECSOption]:
    """The EDNS Client Subnet options of an answer."""
    return [option for option in message.options if isinstance(option, dns.edns.ECSOption)]
