"""The chase of an ExternalName Service's CNAME: to the address that the client wanted, in one answer.

    CNAME of the zone ──► target in our zones: decided here ──► target elsewhere: asked through the whole server

A stub resolver asks once and follows nothing, so a CNAME alone would be no answer to it (RFC 1034 section 5.3.1).
A loop can also lead through other zones of this server, back into this module: the request carries the names that
were passed on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from autopath.decision import Decision
from clusterdns.cache.watched import Subjects
from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.directives.follow import Followed, ask_on
from clusterdns.limits import CNAME_CHAIN
from clusterdns.wire import numbers
from clusterdns.wire.records import Record, read_sections
from clusterdns.wire.response import Kind


class Authority(Protocol):
    """What a zone says of itself."""

    def authority(self, name: bytes) -> Record:
        """The SOA, as the authority of `name`: at or below the zone, in any spelling."""


class Zone(Protocol):
    """A forward or reverse zone."""

    @property
    def name(self) -> bytes:
        """Folded wire."""

    @property
    def apex(self) -> Authority:
        """Its SOA."""

    def decide(self, name: bytes, folded: bytes, qtype: int) -> Decision:
        """The decision on a name at or below the zone."""

    def subjects(self, folded: bytes) -> Subjects:
        """What the decision is about, for any type."""


class Chase:
    """Completes CNAME decisions."""

    def __init__(
        self,
        source: str,
        zone_of: Callable[[bytes], Zone | None],
        resolve: Handler,
    ) -> None:
        """`source` is the directive's name; `zone_of` finds our zone of a folded name.

        `resolve` asks the whole server.
        """
        self._source = source
        self._zone_of = zone_of
        self._resolve = resolve

    async def complete(self, request: Request, zone: Zone, decision: Decision) -> Reply:
        """The whole answer to `request`, which `zone` decided with the CNAME `decision`.

        If the target exists, but not with this type, or does not exist, the CNAME stands alone. A chain that comes back
        to a name, or gets too long, ends nowhere: NODATA without it. A failure elsewhere is SERVFAIL, or the
        UpstreamFailure that `resolve` raised: that something can't be looked up now must not look like its absence.
        """
        qtype = request.query.qtype
        passed = [*(request.passed if isinstance(request, Followed) else ()), request.query.folded]
        answer: list[Record] = []
        current, name = zone, request.query.name
        while decision.target is not None:
            answer += decision.answer
            target = decision.target
            folded = target.lower()
            if folded in passed or len(passed) > CNAME_CHAIN.default_int:
                return self._reply(request, (), (zone.apex.authority(request.query.name),))
            following = self._zone_of(folded)
            if following is None:
                return await self._complete_elsewhere(request, answer, target, tuple(passed))
            passed.append(folded)
            current, name = following, target
            decision = current.decide(target, folded, qtype)
        answer += decision.answer
        return self._reply(request, answer, () if decision.answer else (current.apex.authority(name),))

    async def _complete_elsewhere(
        self, request: Request, answer: list[Record], target: bytes, passed: tuple[bytes, ...]
    ) -> Reply:
        reply = await self._resolve(ask_on(request, target, passed))
        response = reply.response
        if response.rcode not in (numbers.NOERROR, numbers.NXDOMAIN):
            return reply_with(request, self._source, rcode=numbers.SERVFAIL, cacheable=False)
        sections = read_sections(response.message)
        # What follows the last name of the chain is about that name (RFC 2308 section 2.1): its SOA says for how long.
        authority = () if response.kind is Kind.ANSWER else tuple(sections.authority)
        flags = numbers.TC if response.truncated else 0
        completed = self._reply(request, answer + sections.answer, authority, flags)
        completed.view = reply.view
        return completed

    def _reply(
        self, request: Request, answer: Sequence[Record], authority: tuple[Record, ...], flags: int = 0
    ) -> Reply:
        answer = tuple(answer)
        return reply_with(
            request, self._source, flags=numbers.AA | flags, answer=answer, authority=authority, cacheable=False
        )
