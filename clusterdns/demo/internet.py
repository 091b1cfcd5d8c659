"""The demo's Internet: one authoritative server for everything, from a zone file, counting what reaches it."""

from __future__ import annotations

from pathlib import Path

from clusterdns.errors import ConfigError, MalformedMessage
from clusterdns.listen.respond import Peer, Send
from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.tcp import TcpListener
from clusterdns.listen.udp import UdpListener
from clusterdns.wire import numbers
from clusterdns.wire.edns import encode_opt
from clusterdns.wire.names import parents
from clusterdns.wire.query import Query, read_query
from clusterdns.wire.records import Record, compose, records_from_text
from clusterdns.wire.reply import refuse


class Internet:
    """Answers the records of one zone file over UDP and TCP; `queries` counts the questions that were asked."""

    def __init__(self, zone_file: Path, address: str, port: int) -> None:
        self.queries = 0
        self._records: dict[bytes, list[Record]] = {}
        try:
            records = records_from_text(zone_file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(str(error), source=str(zone_file)) from error
        for record in records:
            self._records.setdefault(record.owner.lower(), []).append(record)
        self._udp = UdpListener(open_udp(address, port), self._respond)
        self._tcp = TcpListener(open_tcp(address, port), self._respond)

    async def start(self) -> None:
        """Begin to answer."""
        self._udp.start()
        await self._tcp.start()

    async def close(self) -> None:
        """Stop answering."""
        self._udp.close()
        await self._tcp.close()

    def _respond(self, message: bytes, peer: Peer, send: Send) -> bytes | None:
        if len(message) < 12 or message[2] & 0x80:
            return None
        try:
            query = read_query(message)
        except MalformedMessage:
            return refuse(message, numbers.FORMERR)
        self.queries += 1
        return self._answer(query)

    def _answer(self, query: Query) -> bytes:
        known = self._records.get(query.folded)
        answer = [record for record in known or () if record.rtype in (query.qtype, numbers.CNAME)]
        message = compose(
            query,
            rcode=numbers.NOERROR if known else numbers.NXDOMAIN,
            # Authority and resolver in one.
            flags=numbers.AA | numbers.RA,
            answer=answer,
            authority=[] if answer else self._start_of_authority(query.folded),
        )
        opt = encode_opt() if query.edns else b""
        return query.id.to_bytes(2, "big") + message[2:11] + (b"\1" if opt else b"\0") + message[12:] + opt

    def _start_of_authority(self, folded: bytes) -> list[Record]:
        """The SOA of the nearest zone above the name, for negative answers (RFC 2308 section 3)."""
        for name in parents(folded):
            for record in self._records.get(name, ()):
                if record.rtype == numbers.SOA:
                    return [record]
        return []
