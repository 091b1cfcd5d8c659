"""The `template` directive: answers made of the question, by patterns and templates in the Corefile.

Names of its zones that no pattern matches go on with `fallthrough`, and get SERVFAIL without it, as in CoreDNS. A CNAME
that it makes is followed through the whole server. It stands behind the cache, which keeps the answer; one with the
client's address in it (`{{ .Remote }}`) no cache may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from clusterdns.directives.chain import Counting, Handler, Reply, Request, client_view, reply_with
from clusterdns.directives.config.go_template import Template, Values
from clusterdns.directives.config.pattern import Pattern
from clusterdns.directives.config.template import Config
from clusterdns.directives.follow import follow, shared
from clusterdns.directives.record_text import read_record
from clusterdns.directives.traffic import type_label
from clusterdns.errors import UpstreamFailure
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text, name_to_text
from clusterdns.wire.query import Query
from clusterdns.wire.records import Record, read_sections

_SOURCE = "template"


class Place(Counting, Protocol):
    """Of a `Site`: the zones of the server block, and who answers any name."""

    @property
    def zones(self) -> tuple[bytes, ...]: ...

    @property
    def resolve(self) -> Handler: ...


def make(config: Config, site: Place, following: Handler) -> Handler:
    """The handler of one `template`; see `clusterdns.directives.assemble.Maker`."""
    zones = tuple(map(name_from_text, config.zones)) or site.zones
    return TemplateHandler(config, zones, site, following).handle


class TemplateHandler:
    """One directive's handler. `zones` are folded wire names."""

    def __init__(self, config: Config, zones: Sequence[bytes], site: Place, following: Handler) -> None:
        self._config = config
        self._zones = sorted(zones, key=len, reverse=True)
        self._fallthrough = tuple(map(name_from_text, config.fallthrough or ()))
        self._personal = any(
            template.uses("remote") for template in (*config.answer, *config.additional, *config.authority)
        )
        self._site = site
        self._following = following

    async def handle(self, request: Request) -> Reply:
        config, query = self._config, request.query
        zone = next((zone for zone in self._zones if is_at_or_below(query.folded, zone)), None)
        if zone is None or (config.qtype is not None and query.qtype not in (config.qtype, numbers.ANY)):
            return await self._following(request)
        name = name_to_text(query.folded)
        found = _first_match(config.patterns, name)
        if found is None:
            if any(is_at_or_below(query.folded, through) for through in self._fallthrough):
                return await self._following(request)
            return reply_with(request, _SOURCE, rcode=numbers.SERVFAIL, cacheable=False)
        self._count("matched", name_to_text(zone), query)
        if config.rcode == numbers.SERVFAIL:
            failed = reply_with(request, _SOURCE, rcode=numbers.SERVFAIL, cacheable=False)
            return replace(failed, error=config.ederror)
        match, group = found
        values = Values(name, name_to_text(zone), "IN", numbers.type_name(query.qtype), request.client, match, group)
        return await self._answer(request, values)

    async def _answer(self, request: Request, values: Values) -> Reply:
        config, query = self._config, request.query
        answer = self._made("answer", config.answer, values, query)
        authority = self._made("authority", config.authority, values, query)
        additional = self._made("additional", config.additional, values, query)
        rcode, flags = config.rcode, numbers.AA
        used = []
        if query.qtype in (numbers.A, numbers.AAAA):
            for record in [record for record in answer if record.rtype == numbers.CNAME]:
                reply = await follow(request, record.rdata, self._site.resolve)
                there = read_sections(reply.response.message)
                answer += there.answer
                # What proves that there is nothing at the end of the CNAME (RFC 2308 section 2.1).
                authority += [] if there.answer else there.authority
                rcode = rcode or reply.response.rcode
                flags |= reply.response.flags & numbers.TC
                used.append(reply)
        made = reply_with(
            request,
            _SOURCE,
            rcode=rcode,
            flags=flags,
            answer=answer,
            authority=authority,
            additional=additional,
        )
        if used:
            made = replace(shared(request, made, *used), fresh_until=0.0)
        if config.ederror is not None:
            made = replace(made, error=config.ederror)
        if self._personal:
            made = replace(made, view=client_view(request.client), cacheable=False)
        return made

    def _made(self, section: str, templates: Sequence[Template], values: Values, query: Query) -> list[Record]:
        """A record of each template. Raises UpstreamFailure, for a SERVFAIL, where one comes to none."""
        records = []
        for template in templates:
            failed = "failed"
            try:
                text = template.render(values)
                failed = "no record"
                record = read_record(text)
            except ValueError as error:
                self._count(failed, values.zone, query, section, template.text)
                raise UpstreamFailure("this server", f"template: {error}") from None
            # In the client's own spelling, which is what it compares with.
            records.append(record._replace(owner=query.name) if record.owner.lower() == query.folded else record)
        return records

    def _count(self, what: str, zone: str, query: Query, *labels: str) -> None:
        self._site.count(f"template {what}", zone, "IN", type_label(query.qtype), *labels)


def _first_match(patterns: Sequence[Pattern], name: str) -> tuple[tuple[str, ...], dict[str, str]] | None:
    """The whole match and its groups, and the groups by name and number; without patterns the whole name matches."""
    if not patterns:
        return (name,), {"0": name}
    for pattern in patterns:
        found = pattern.search(name)
        if found is not None:
            numbered = {str(number): text for number, text in enumerate(found)}
            return found, numbered | {name: found[number] for name, number in pattern.names.items()}
    return None
