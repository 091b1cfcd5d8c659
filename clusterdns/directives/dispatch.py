"""One DNS server: what listeners hand a message to, and where it goes from there.

    message ──► packet cache ── hit ──► answer                          (no parsing, no coroutine)
                    │ miss
                    ▼
                read_query ──► the server block whose zone is longest ──► its chain ──► finish ──► packet cache

Every message that is a query gets an answer: what can't be read FORMERR, what is not for us NOTIMP, BADVERS or
REFUSED, and what fails inside SERVFAIL. Only what is no query is met with silence.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from clusterdns.cache.packet_cache import PacketCache, Tally
from clusterdns.cache.watched import ANYTHING
from clusterdns.directives.acl import Dropped
from clusterdns.directives.chain import Handler, Reply, Request, client_view
from clusterdns.directives.traffic import Traffic
from clusterdns.errors import MalformedMessage, UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.limits import NAME_BYTES, QUERIES_IN_FLIGHT, TCP_MESSAGE_BYTES
from clusterdns.listen.respond import VIEWED, Answer, Peer, Send, SendAny, client_address
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.names import is_at_or_below
from clusterdns.wire.query import HEADER_BYTES, Query, read_query
from clusterdns.wire.reply import finish, refuse, udp_limit
from clusterdns.wire.response import Kind

_log = logging.getLogger(__name__)
_ANSWER = Kind.ANSWER

DROPPED = b""
"""Stands for the zone of a query that no server block was asked."""

_PLAIN_QUERY_BYTES = HEADER_BYTES + NAME_BYTES.default_int + 4 + 11
"""The longest query with nothing but a question and an OPT record."""

_TRANSFERS = frozenset({numbers.AXFR, numbers.IXFR})


class Dispatcher:
    """The server blocks that share a listening address. `chains` maps a block's zone (folded wire) to its chain.

    Zone transfers are refused, but for blocks whose zones are in `transfers`: they have a directive that answers them.
    """

    def __init__(
        self,
        chains: Mapping[bytes, Handler],
        packets: PacketCache,
        clock: Callable[[], float],
        transfers: Collection[bytes] = (),
    ) -> None:
        self.traffic = Traffic()
        self.packets = packets
        self._chains = dict(chains)
        # The longest zone first, as it wins.
        self._zones = sorted(chains, key=len, reverse=True)
        self._clock = clock
        self._transfers = frozenset(transfers)
        self._find = packets.find
        self._view_at = packets.view_at
        self._viewed = packets.viewed
        self._waiting = 0

    @property
    def zones(self) -> Collection[bytes]:
        """The zones of its server blocks."""
        return self._chains.keys()

    @property
    def waiting(self) -> int:
        """How many queries have no answer yet."""
        return self._waiting

    def repeat(self, body: bytes) -> bytes | None:
        """The answer to a datagram, both without ID, if it is one that anyone gets; VIEWED if others get another."""
        entry = self._find(body)
        if entry is None:
            return None
        if entry is self._viewed:
            return VIEWED
        now = self._clock()
        if now >= entry.renew_at:
            if now >= entry.leaves_at:
                return None
            entry.renew(now)
        entry.tally.hits += 1
        return entry.body

    def repeat_to(self, body: bytes, client: bytes) -> bytes | None:
        """The same for a client, by its packed address: an answer for the view that it shares with others."""
        view = self._view_at(client)
        entry = self._find((body, view)) if view is not None else None
        if entry is None:
            return None
        now = self._clock()
        if now >= entry.renew_at:
            if now >= entry.leaves_at:
                return None
            entry.renew(now)
        entry.tally.hits += 1
        return entry.body

    def respond_udp(self, message: bytes, peer: Peer, send: Send) -> bytes | None:
        """Answer one datagram; see `clusterdns.listen.respond.Respond`."""
        now = self._clock()
        client = client_address(peer)
        answer = self.packets.get(message[2:], client, now)
        if answer is None:
            made = self._respond(message, client, peer, send, "udp", now)
            return made if isinstance(made, bytes) else None  # several messages are for TCP only
        return message[:2] + answer

    def respond_tcp(self, message: bytes, peer: Peer, send: SendAny) -> Answer | None:
        """Answer one message of a connection; see `clusterdns.listen.respond.RespondTcp`."""
        return self._respond(message, client_address(peer), peer, send, "tcp", self._clock())

    def _respond(
        self, message: bytes, client: str, peer: Peer, send: Callable[[Any, Peer], None], transport: str, now: float
    ) -> Answer | None:
        # A response is never answered: two servers would answer each other for ever.
        if len(message) < HEADER_BYTES or message[2] & 0x80:
            self.traffic.malformed += 1
            return None
        if message[2] & 0x78:
            return refuse(message, numbers.NOTIMP)
        try:
            query = read_query(message)
        except MalformedMessage:
            self.traffic.malformed += 1
            return refuse(message, numbers.FORMERR)
        zone = self._zone_of(query.folded)
        request = Request(query, client, transport, now, peer[1], len(message), zone)
        rcode = self._refusal(query, zone)
        if rcode or not zone:
            request.zone = DROPPED
            return self._refuse(message, request, rcode or numbers.REFUSED)
        flight = start(self._chains[zone](request))
        if flight.done:
            return self._answer(message, request, flight)
        self._waiting += 1
        as_of = self.packets.changes
        flight.when_done(lambda: self._answer_late(message, request, flight, peer, send, as_of))
        return None

    def _refusal(self, query: Query, zone: bytes) -> int:
        """The rcode for a question that no chain is asked, or 0."""
        if query.edns is not None and query.edns.version != 0:
            # "If a responder does not implement the VERSION level of the request, then it MUST respond with
            # RCODE=BADVERS" (RFC 6891 section 6.1.3).
            return numbers.BADVERS
        if query.qclass != numbers.IN or (query.qtype in _TRANSFERS and zone not in self._transfers):
            return numbers.REFUSED
        # More than this many at a time are not answered any sooner; whoever is refused asks its next nameserver.
        return numbers.REFUSED if self._waiting >= QUERIES_IN_FLIGHT.default else 0

    def _zone_of(self, folded: bytes) -> bytes:
        """The longest zone at or above the name; DROPPED if there is none."""
        for zone in self._zones:
            if is_at_or_below(folded, zone):
                return zone
        return DROPPED

    def _answer_late(
        self,
        message: bytes,
        request: Request,
        flight: Flight[Reply],
        peer: Peer,
        send: Callable[[Any, Peer], None],
        as_of: int,
    ) -> None:
        self._waiting -= 1
        send(self._answer(message, request, flight, as_of), peer)

    def _answer(self, message: bytes, request: Request, flight: Flight[Reply], as_of: int | None = None) -> Answer:
        """`as_of` is the change behind which the chain waited: what was true then may have changed since."""
        query = request.query
        try:
            reply = flight.result()
            limit = udp_limit(query) if request.transport == "udp" else TCP_MESSAGE_BYTES.default_int
            subnet = _answered_subnet(query, reply)
            answer = finish(query, reply.response, limit=limit, subnet=subnet, error=reply.error)
        except (UpstreamFailure, MalformedMessage):  # the latter: an answer whose records can't be read
            return self._refuse(message, request, numbers.SERVFAIL)
        except Dropped:
            return b""
        except Exception:
            self.traffic.panics += 1
            _log.exception("a query failed by our own fault; it is answered SERVFAIL")
            return self._refuse(message, request, numbers.SERVFAIL)
        now = self._clock()
        response = reply.response
        self._tally(request, response.rcode, reply.source, response.kind, len(answer)).answers += 1
        self.traffic.count_seconds(request.zone, now - request.now)
        is_current = reply.watched is None or as_of is None or self.packets.holds(reply.watched, as_of)
        if reply.fresh_until and is_current and _may_repeat(request, answer):
            self._keep(message[2:], request, reply, answer, now)
        return answer if reply.more is None else _several(answer, reply.more)

    def _keep(self, key: bytes, request: Request, reply: Reply, answer: bytes, now: float) -> None:
        """Let the packet cache have an answer."""
        watched = reply.watched
        # What a walk found has one TTL throughout, which counts down.
        counts_down = watched is None or (reply.synthesised and reply.fresh_until < math.inf)
        if not counts_down and (reply.rotates or not self.packets.was_asked(key)):
            return
        if watched is not None and reply.view == client_view(request.client):
            # The address may be another pod's the next time.
            watched = ANYTHING
        response = reply.response
        tally = self._tally(request, response.rcode, "cache", response.kind, len(answer))
        if watched is not None and not counts_down:
            self.packets.put_watched(
                key,
                request.client,
                reply.view,
                answer,
                watched=watched,
                until=reply.fresh_until,
                forget_at=reply.forget_at,
                now=now,
                tally=tally,
            )
        else:
            self.packets.put(
                key,
                request.client,
                reply.view,
                answer,
                response.ttl_offsets,
                expires=reply.fresh_until,
                forget_at=reply.forget_at,
                now=now,
                rotates=reply.rotates,
                tally=tally,
                watched=watched,
            )

    def _refuse(self, message: bytes, request: Request, rcode: int) -> bytes:
        """The server's own answer, where no directive has one."""
        answer = refuse(message, rcode, query=request.query)
        self._tally(request, rcode, "", Kind.INCOMPLETE, len(answer)).answers += 1
        self.traffic.count_seconds(request.zone, self._clock() - request.now)
        return answer

    def _tally(self, request: Request, rcode: int, source: str, kind: Kind, size: int) -> Tally:
        query, is_denial = request.query, kind is not _ANSWER
        key = (
            request.zone,
            request.transport,
            query.qtype,
            query.dnssec_ok,
            rcode,
            source,
            is_denial,
            request.size,
            size,
        )
        return self.traffic.tally(key)


def _may_repeat(request: Request, answer: bytes) -> bool:
    """Whether the packet cache may have the answer: it was for UDP, is whole, and the same query will come again.

    Cookies, a client's subnet and the like differ with every client; their queries would only fill the cache. And so
    would those of clients that put records of any kind behind their question: keys of kilobytes.
    """
    edns = request.query.edns
    return (
        request.transport == "udp"
        and request.size <= _PLAIN_QUERY_BYTES
        and not answer[2] & 0x02
        and (edns is None or not edns.has_options)
    )


def _several(first: bytes, more: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    for body in more:
        yield first[:2] + body


def _answered_subnet(query: Query, reply: Reply) -> ClientSubnet | None:
    """The option to answer with: "FAMILY, SOURCE PREFIX-LENGTH, and ADDRESS … MUST match" (RFC 7871 section 7.2.1)."""
    if reply.scope is None or query.edns is None or query.edns.subnet is None:
        return None
    return ClientSubnet(query.edns.subnet.address, query.edns.subnet.source, reply.scope)
