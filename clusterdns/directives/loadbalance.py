"""The `loadbalance` directive: the addresses (A, AAAA) and mail servers (MX) of each answer in another order.

CNAMEs come first: resolvers such as glibc's read an answer from top to bottom. With `prefer`, addresses of some
networks come before the others; `weighted` moves one address to the front, and leaves the others where they are. It
stands in front of the cache, which keeps one order; the packet cache in front of
both turns a run of addresses by itself (`rotates`), and does not get what it could not turn (`fresh_until` is 0).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from clusterdns.corefile.reading import IPNetwork
from clusterdns.directives.address_run import AddressRun, address_run
from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.config.loadbalance import Config
from clusterdns.directives.recompose import recompose
from clusterdns.directives.weights import WeightFile
from clusterdns.wire import numbers
from clusterdns.wire.query import HEADER
from clusterdns.wire.records import Record, Sections, read_sections

_MX = numbers.MX
_ADDRESSES = (numbers.A, numbers.AAAA)
# No record is changed: what was authentic still is.
_FLAGS = numbers.AA | numbers.TC | numbers.RA | numbers.AD


def make(config: Config, site: object, following: Handler) -> Handler:
    """The handler of one `loadbalance`; see `clusterdns.directives.assemble.Maker`."""
    weights = WeightFile(Path(config.weights), config.reload) if config.weights else None
    return LoadBalance(config.prefer, following, random.Random(), weights, config.limit_answers).handle


class LoadBalance:
    """One directive's handler. `dice` decides the order; 0 for `limit_answers` is no limit."""

    def __init__(
        self,
        prefer: Sequence[IPNetwork],
        following: Handler,
        dice: random.Random,
        weights: WeightFile | None = None,
        limit_answers: int = 0,
    ) -> None:
        self._prefer = tuple(prefer)
        self._weights = weights
        self._limit = limit_answers
        self._is_plain = weights is None and not limit_answers
        self._following = following
        self._dice = dice

    async def handle(self, request: Request) -> Reply:
        reply = await self._following(request)
        response = reply.response
        _id, _flags, _questions, answers, _authorities, additionals = HEADER.unpack_from(response.message)
        if response.rcode != numbers.NOERROR or (answers < 2 and additionals < 2):
            return reply
        run = address_run(response) if self._is_plain else None
        if run is not None:
            message = self._shuffled_run(response.message, run)
            if self._prefer:
                return replace(reply, response=replace(response, message=message), fresh_until=0.0)
            return replace(reply, response=replace(response, message=message), rotates=True)
        if self._weights is not None:
            self._weights.look(request.now)
        sections = read_sections(response.message)
        arranged = Sections(self._arranged(sections.answer), sections.authority, self._arranged(sections.additional))
        if self._limit:
            arranged.answer = arranged.answer[: self._limit]
        if not _has_choice(sections) and arranged == sections:
            return reply
        reply = recompose(reply, request.query, arranged, flags=_FLAGS)
        return replace(reply, fresh_until=0.0) if _has_choice(sections) else reply

    def _shuffled_run(self, message: bytes, run: AddressRun) -> bytes:
        records = [message[offset : offset + run.size] for offset in range(run.start, run.end, run.size)]
        self._dice.shuffle(records)
        if self._prefer:
            # Type, class, TTL and length are 10 bytes, behind an owner of 2.
            records.sort(key=lambda record: self._rank(record[12:]))
        return message[: run.start] + b"".join(records)

    def _arranged(self, records: list[Record]) -> list[Record]:
        """CNAMEs, what else there is, addresses, mail servers, as CoreDNS orders them."""
        addresses = [record for record in records if record.rtype in _ADDRESSES]
        servers = [record for record in records if record.rtype == _MX]
        if self._weights is not None:
            _move_one_to_the_front(addresses, self._weights, self._dice)
        else:
            self._dice.shuffle(addresses)
            self._dice.shuffle(servers)
        if self._prefer:
            addresses.sort(key=lambda record: self._rank(record.rdata))
        return [
            *(record for record in records if record.rtype == numbers.CNAME),
            *(record for record in records if record.rtype not in (numbers.CNAME, _MX, *_ADDRESSES)),
            *addresses,
            *servers,
        ]

    def _rank(self, rdata: bytes) -> int:
        """The first of the preferred networks that has the address, counted from 0; their number if none has."""
        address = ip_address(rdata)
        return next((rank for rank, network in enumerate(self._prefer) if address in network), len(self._prefer))


def _move_one_to_the_front(addresses: list[Record], weights: WeightFile, dice: random.Random) -> None:
    if addresses:
        each = [weights.of(record.owner.lower(), record.rdata) for record in addresses]
        (chosen,) = dice.choices(range(len(addresses)), each)
        addresses.insert(0, addresses.pop(chosen))


def _has_choice(sections: Sections) -> bool:
    """Whether any order is as good as another, so that a second answer should have a second one."""
    return any(
        sum(record.rtype in types for record in records) > 1
        for records in (sections.answer, sections.additional)
        for types in (_ADDRESSES, (_MX,))
    )
