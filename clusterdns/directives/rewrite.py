"""The `rewrite` directive: ask another question in the client's place, and make the answer one to its own question.

    client's question ──► rules ──► the question asked ──► following
    client's answer   ◄── names, TTLs, rcode, CNAMEs ◄────────────┘

It stands behind the cache, which keeps the finished answer under the client's question; whom an answer is for, and how
long it lives, is as the directives behind it say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.config.name_match import NameMatch
from clusterdns.directives.config.rewrite import CnameRule, Config, NameRule, RcodeRule, Rule, TtlRule, TypeRule
from clusterdns.directives.follow import follow, shared
from clusterdns.directives.recompose import recompose
from clusterdns.directives.target_name import replace_target, target_of
from clusterdns.errors import UpstreamFailure
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, join, name_from_text, name_to_text
from clusterdns.wire.records import Record, Sections, read_sections

Rename = Callable[[bytes], bytes]
"""A wire name to the one to write in its place, or to itself."""


class Resolving(Protocol):
    """Of a `Site`: who answers any name."""

    @property
    def resolve(self) -> Handler: ...


@dataclass(slots=True)
class _Plan:
    """What the rules make of one request: what to ask, and what to do to the answer.

    `owners` and `targets` are undone last rule first: what the second rule made of the first one's name comes back to
    that before the first one's turn.
    """

    asked: Request
    owners: list[Rename] = field(default_factory=list)
    targets: list[Rename] = field(default_factory=list)
    ttls: list[TtlRule] = field(default_factory=list)
    rcodes: list[RcodeRule] = field(default_factory=list)
    cnames: list[CnameRule] = field(default_factory=list)


def make(config: Config, site: Resolving, following: Handler) -> Handler:
    """The handler of one `rewrite`; see `clusterdns.directives.assemble.Maker`.

    The rules of a block are one list, as a rule may stop it: the handler of the next `rewrite` is taken into this one.
    """
    behind = getattr(following, "__self__", None)
    if isinstance(behind, Rewrite):
        return Rewrite((config, *behind.configs), site.resolve, behind.following).handle
    return Rewrite((config,), site.resolve, following).handle


class Rewrite:
    """The handler of all `rewrite` directives of a server block."""

    def __init__(self, configs: Sequence[Config], resolve: Handler, following: Handler) -> None:
        """`resolve` asks the whole server, for what new CNAMEs lead to."""
        self.configs = tuple(configs)
        self.following = following
        self._resolve = resolve

    async def handle(self, request: Request) -> Reply:
        plan = _Plan(request)
        applied = False
        for config in self.configs:
            if _apply(config.rule, plan):
                applied = True
                if config.stops:
                    break
        reply = await self.following(plan.asked)
        return await self._finish(request, plan, reply) if applied else reply

    async def _finish(self, request: Request, plan: _Plan, reply: Reply) -> Reply:
        before = read_sections(reply.response.message)
        after = Sections(before.answer, before.authority, before.additional)
        rcode = reply.response.rcode
        for cname in plan.cnames:
            found = await self._lead_elsewhere(cname, plan.asked, after)
            if found is not None:
                rcode = found.response.rcode
                reply = shared(request, reply, reply, found)
        after = Sections(
            [_changed(record, plan) for record in after.answer],
            [_changed(record, plan) for record in after.authority],
            [_changed(record, plan) for record in after.additional],
        )
        for rule in plan.rcodes:
            rcode = rule.new if rcode == rule.old else rcode
        same_question = plan.asked.query.question == request.query.question
        if same_question and after == before and rcode == reply.response.rcode:
            return reply
        return recompose(reply, request.query, after, rcode=rcode)

    async def _lead_elsewhere(self, rule: CnameRule, asked: Request, sections: Sections) -> Reply | None:
        """Let the first CNAME that the rule is for lead to its new target, and put what is there behind it."""
        for index, record in enumerate(sections.answer):
            if record.rtype != numbers.CNAME:
                continue
            new = rule.match.replace(name_to_text(record.rdata.lower()), rule.to)
            if new is None or (target := _name(new)) == record.rdata.lower():
                continue
            led = [each for each in sections.answer[:index] if each.rtype == numbers.CNAME]
            led.append(record._replace(rdata=target))
            sections.answer = led
            if asked.query.qtype == numbers.CNAME:
                return None
            found = await follow(asked, target, self._resolve)
            there = read_sections(found.response.message)
            sections.answer = led + there.answer
            sections.authority, sections.additional = there.authority, there.additional
            return found
        return None


def _apply(rule: Rule, plan: _Plan) -> bool:
    """Note in `plan` what the rule means for its question; False if it is not for it."""
    query = plan.asked.query
    if isinstance(rule, TypeRule):
        if query.qtype != rule.old:
            return False
        plan.asked = replace(plan.asked, query=query.ask_for(query.name, rule.new))
        return True
    if isinstance(rule, CnameRule):
        # Which names it is for is known from the answer.
        plan.cnames.append(rule)
        return True
    text = name_to_text(query.folded)
    if not rule.match.matches(text):
        return False
    if isinstance(rule, TtlRule):
        plan.ttls.append(rule)
    elif isinstance(rule, RcodeRule):
        plan.rcodes.append(rule)
    else:
        new = rule.match.replace(text, rule.to)
        assert new is not None, "what matches can be replaced"
        _rename_question(rule, plan, _name(new))
    return True


def _rename_question(rule: NameRule, plan: _Plan, new: bytes) -> None:
    old = plan.asked.query.name
    plan.asked = plan.asked.ask_for(new)
    owners: list[Rename] = []
    targets: list[Rename] = []
    if rule.auto:
        # A whole suffix can be given back to any name; otherwise the one name that was asked for, and those below it.
        back = _by_match(NameMatch("suffix", rule.to), rule.match.text) if rule.match.kind == "suffix" else None
        owners.append(back or _by_name(new, old))
        targets.append(back or _by_name(new, old))
    for answer in rule.answers:
        (owners if answer.of == "name" else targets).append(_by_match(answer.match, answer.to))
    plan.owners[:0] = owners
    plan.targets[:0] = targets


def _by_name(name: bytes, to: bytes) -> Rename:
    folded = name.lower()

    def rename(found: bytes) -> bytes:
        if not is_at_or_below(found.lower(), folded):
            return found
        return join(found[: len(found) - len(folded)] + numbers.ROOT, to) or found

    return rename


def _by_match(match: NameMatch, to: str) -> Rename:
    def rename(found: bytes) -> bytes:
        new = match.replace(name_to_text(found.lower()), to)
        return found if new is None else _name(new)

    return rename


def _changed(record: Record, plan: _Plan) -> Record:
    owner = record.owner
    for rename in plan.owners:
        owner = rename(owner)
    ttl = record.ttl
    for rule in plan.ttls:
        ttl = min(max(ttl, rule.minimum), rule.maximum)
    record = record._replace(owner=owner, ttl=ttl)
    target = target_of(record) if plan.targets else None
    if target is None:
        return record
    renamed = target
    for rename in plan.targets:
        renamed = rename(renamed)
    return record if renamed == target else replace_target(record, renamed)


def _name(text: str) -> bytes:
    """The name that a rule comes to. Raises UpstreamFailure where it is none: SERVFAIL, as CoreDNS answers."""
    try:
        return name_from_text(text)
    except ValueError as error:
        raise UpstreamFailure("this server", f"rewrite makes no name: {error}") from None
