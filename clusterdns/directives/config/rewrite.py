"""`rewrite [continue|stop] FIELD ...`: ask another question in the client's place, or change the answer.

    rewrite [continue|stop] name [KIND] FROM TO [answer auto|name PATTERN TO|value PATTERN TO ...]
    rewrite [continue|stop] type FROM TO
    rewrite [continue|stop] ttl [KIND] NAME SECONDS|[MINIMUM]-[MAXIMUM]
    rewrite [continue|stop] rcode [KIND] NAME FROM TO
    rewrite [continue|stop] cname [KIND] FROM TO

KIND is one of `clusterdns.directives.config.name_match`. The same words may stand in braces, on any number of lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words
from clusterdns.directives.config.name_match import KINDS, NameMatch, kind_of, name_match, replacement
from clusterdns.limits import REWRITE_TTL

_FIELDS = ("name", "type", "ttl", "rcode", "cname")
_REFUSED = ("class", "edns0")
# What goes on in braces on a line of its own.
_ANSWERS = ("answer", "value", "auto")
_RANGE = re.compile(r"(\d{0,10})-(\d{0,10})|(\d{1,10})")


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """Names of records (`name`), or names in their data (`value`), that match a regex are replaced by `to`."""

    of: Literal["name", "value"]
    match: NameMatch
    to: str


@dataclass(frozen=True, slots=True)
class NameRule:
    """Ask for another name. With `auto` the answer is for the name that was asked for; else `answers` say."""

    match: NameMatch
    to: str
    auto: bool = False
    answers: tuple[AnswerRule, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeRule:
    """Ask for type `new` in place of `old`."""

    old: int
    new: int


@dataclass(frozen=True, slots=True)
class TtlRule:
    """Bring the TTLs of answers for these names between `minimum` and `maximum` seconds."""

    match: NameMatch
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class RcodeRule:
    """Answer `new` for these names where the rcode is `old`."""

    match: NameMatch
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class CnameRule:
    """Let CNAMEs to these names lead to `to`, and answer what is there."""

    match: NameMatch
    to: str


Rule = NameRule | TypeRule | TtlRule | RcodeRule | CnameRule


@dataclass(frozen=True, slots=True)
class Config:
    """One rule. If it applies, and `stops`, the rules of later `rewrite` lines are not looked at."""

    rule: Rule
    stops: bool = True


def parse(directive: Directive) -> Config:
    """Read one `rewrite`; ConfigError with its place on anything else."""
    words = list(directive.args)
    if directive.block is not None and len(words) > 1:
        raise words[1].error("write the rule of rewrite either on its line or in braces, not in both")
    for line in reading.options(directive, (*_FIELDS, *_ANSWERS), refused=_REFUSED):
        words += [Token(line.name, "word", line.position, line.position.line), *line.args]
    stops = True
    if words and words[0].text.lower() in ("continue", "stop"):
        stops = words.pop(0).text.lower() == "stop"
    if not words:
        raise directive.position.error(
            f"rewrite needs a rule: write one of {', '.join(_FIELDS)} and what belongs to it"
        )
    field, *arguments = words
    if field.text in _REFUSED:
        raise field.error(
            f"the field {field.text} of rewrite is not supported here; remove the rule, there are {', '.join(_FIELDS)}"
        )
    if field.text == "answer":
        raise field.error("answer belongs behind a name rule of the same rewrite")
    return Config(_RULES[reading.keyword(field, _FIELDS, "field of rewrite")](field, arguments), stops)


def _name_rule(field: Token, words: Sequence[Token]) -> NameRule:
    if len(words) == 2:
        match, to = name_match("exact", words[0]), words[1]
        return NameRule(match, replacement(to, match), auto=True)
    if len(words) < 3:
        raise field.error("name needs what to replace, and by what: write name FROM TO")
    kind = kind_of(words[0])
    match = name_match(kind, words[1])
    auto, answers = _answer_rules(words[3:])
    # "the answer gets rewritten automatically" for exact rules (CoreDNS rewrite).
    return NameRule(match, replacement(words[2], match), auto or kind == "exact", answers)


def _answer_rules(words: Sequence[Token]) -> tuple[bool, tuple[AnswerRule, ...]]:
    auto = False
    answers: list[AnswerRule] = []
    rest = list(words)
    if rest:
        reading.keyword(rest[0], ("answer",), "word behind a name rule")
    while rest:
        word = rest.pop(0)
        if word.text == "answer":
            if not rest:
                raise word.error("answer needs auto, name or value behind it")
            word = rest.pop(0)
        of = reading.keyword(word, ("auto", "name", "value"), "part of an answer")
        # CoreDNS's manual writes `answer name auto`, too.
        is_auto = of == "name" and rest[:1] != [] and rest[0].text == "auto" and (len(rest) < 2 or _begins(rest[1]))
        if of == "auto" or is_auto:
            auto = True
            del rest[: int(is_auto)]
        elif len(rest) < 2:
            raise word.error(f"{of} needs a pattern, and what replaces the names that match it")
        else:
            match = name_match("regex", rest.pop(0))
            answers.append(AnswerRule("name" if of == "name" else "value", match, replacement(rest.pop(0), match)))
    if auto and any(answer.of == "name" for answer in answers):
        raise words[0].error("answer auto and answer name exclude each other")
    return auto, tuple(answers)


def _begins(word: Token) -> bool:
    return word.text in ("answer", "auto", "name", "value")


def _type_rule(field: Token, words: Sequence[Token]) -> TypeRule:
    _expect(field, words, 2, "type FROM TO")
    return TypeRule(dns_words.record_type(words[0]), dns_words.record_type(words[1]))


def _ttl_rule(field: Token, words: Sequence[Token]) -> TtlRule:
    match, (token,) = _for_names(field, words, 1, "ttl [KIND] NAME SECONDS")
    found = _RANGE.fullmatch(token.text)
    if found is None or token.text == "-":
        raise token.error(f'"{token.text}" is no TTL: write seconds, or a range such as 30-300, -30 or 30-')
    low, high = (found[3], found[3]) if found[3] else (found[1] or "0", found[2] or str(int(REWRITE_TTL.maximum)))
    minimum, maximum = (
        reading.integer(Token(text, "word", token.position, token.end_line), REWRITE_TTL) for text in (low, high)
    )
    if minimum > maximum:
        raise token.error(f"no TTL is at least {minimum} and at most {maximum} seconds")
    return TtlRule(match, minimum, maximum)


def _rcode_rule(field: Token, words: Sequence[Token]) -> RcodeRule:
    match, (old, new) = _for_names(field, words, 2, "rcode [KIND] NAME FROM TO")
    return RcodeRule(match, dns_words.rcode(old), dns_words.rcode(new))


def _cname_rule(field: Token, words: Sequence[Token]) -> CnameRule:
    if len(words) == 2 and words[0].text not in KINDS[1:]:
        match, to = name_match("exact", words[0]), words[1]
    else:
        _expect(field, words, 3, "cname [KIND] FROM TO")
        match, to = name_match(kind_of(words[0]), words[1], whole=False), words[2]
    return CnameRule(match, replacement(to, match, whole=False))


def _for_names(field: Token, words: Sequence[Token], values: int, usage: str) -> tuple[NameMatch, Sequence[Token]]:
    """The names that a rule is for, and the `values` words behind."""
    if len(words) == values + 1:
        return name_match("exact", words[0]), words[1:]
    _expect(field, words, values + 2, usage)
    return name_match(kind_of(words[0]), words[1]), words[2:]


def _expect(field: Token, words: Sequence[Token], count: int, usage: str) -> None:
    if len(words) != count:
        place = words[count] if len(words) > count else field
        raise place.error(f"{field.text} has {len(words)} words behind it: write rewrite {usage}")


_RULES: dict[str, Callable[[Token, Sequence[Token]], Rule]] = {
    "name": _name_rule,
    "type": _type_rule,
    "ttl": _ttl_rule,
    "rcode": _rcode_rule,
    "cname": _cname_rule,
}
