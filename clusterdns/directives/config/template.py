"""`template CLASS TYPE [ZONES...] { ... }`: answers made of the question, by patterns and templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words, go_template
from clusterdns.directives.config.go_template import Template, Values
from clusterdns.directives.config.pattern import Pattern, pattern
from clusterdns.directives.record_text import read_record
from clusterdns.limits import EXTENDED_ERROR
from clusterdns.wire import numbers
from clusterdns.wire.edns import ExtendedError

_OPTIONS = ("match", "answer", "additional", "authority", "rcode", "ederror", "fallthrough")
_SECTIONS = ("answer", "additional", "authority")


@dataclass(frozen=True, slots=True)
class Config:
    """Answers for names at or below `zones` (empty: those of the server block) that match one of `patterns`.

    `qtype` is None for any type; without `patterns` every name matches. Each template makes one record.
    `fallthrough` are the zones whose names go on to the next directive if none matches: None for no zone, `(".",)` for
    all. `ederror` says to clients with EDNS why they get this.
    """

    qtype: int | None
    zones: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    answer: tuple[Template, ...] = ()
    additional: tuple[Template, ...] = ()
    authority: tuple[Template, ...] = ()
    rcode: int = numbers.NOERROR
    ederror: ExtendedError | None = None
    fallthrough: tuple[str, ...] | None = None


def parse(directive: Directive) -> Config:
    """Read one `template`; ConfigError with its place on anything else."""
    qclass, qtype, *zones = reading.arguments(directive, 2)
    # Queries of other classes are refused before they come here.
    if qclass.text.upper() not in ("IN", "ANY"):
        raise qclass.error(f'"{qclass.text}" is no class that is served here: write IN or ANY')
    patterns: list[Pattern] = []
    templates: dict[str, list[tuple[Token, Template]]] = {section: [] for section in _SECTIONS}
    rcode, ederror, fallthrough = numbers.NOERROR, None, None
    for option in reading.options(directive, _OPTIONS):
        if option.name == "match":
            patterns += [pattern(token) for token in reading.arguments(option, 1)]
        elif option.name in templates:
            for token in reading.arguments(option, 1):
                templates[option.name].append((token, go_template.parse(token)))
        elif option.name == "rcode":
            (token,) = reading.arguments(option, 1, 1)
            rcode = dns_words.rcode(token)
        elif option.name == "ederror":
            code, *reason = reading.arguments(option, 1, 2)
            ederror = ExtendedError(reading.integer(code, EXTENDED_ERROR), reason[0].text if reason else "")
        else:
            fallthrough = reading.zones(option.args) or (".",)
    for token, template in (pair for section in _SECTIONS for pair in templates[section]):
        _check(token, template, patterns)
    answer, additional, authority = (tuple(template for _, template in templates[section]) for section in _SECTIONS)
    any_type = qtype.text.upper() == "ANY"
    return Config(
        None if any_type else dns_words.record_type(qtype),
        reading.zones(zones),
        tuple(patterns),
        answer,
        additional,
        authority,
        rcode,
        ederror,
        fallthrough,
    )


def _check(token: Token, template: Template, patterns: Sequence[Pattern]) -> None:
    """Refuse what could not come to a record for any question."""
    names = {name for pattern in patterns for name in pattern.names}
    groups = max((pattern.groups for pattern in patterns), default=0)
    for number in template.match_numbers():
        if number > groups:
            raise token.error(f"index .Match {number}: no match of this template has so many groups")
    for name in template.group_names():
        if name not in names and not (name.isdigit() and int(name) <= groups):
            near = reading.did_you_mean(name, names)
            raise token.error(f'no match of this template has a group named "{name}"{near}')
    if template.is_fixed:
        try:
            read_record(template.render(Values("", "", "", "", "", (), {})))
        except ValueError as error:
            raise token.error(str(error)) from None
