"""The part of Go's template language that Corefiles use: text with `{{ expressions }}` in it (text/template).

    {{ .Name }}  {{ .Zone }}  {{ .Class }}  {{ .Type }}  {{ .Remote }}
    {{ .Group.name }}  {{ index .Group "name" }}  {{ index .Match 1 }}  {{ parseInt .Group.hex 16 8 }}

An argument may be an expression in parentheses. Everything else (pipelines, variables, `if`, `range`, other functions)
is refused by name when the Corefile is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from clusterdns.corefile.lexer import Token

_EXPRESSION = re.compile(r"(\s+(?={{- ))?{{(?:-\s)?(.*?)(?:\s-)?}}((?<= -}})\s+)?", re.DOTALL)
_WORD = re.compile(r'\s*(?:([()|])|"((?:[^"\\]|\\.)*)"|`([^`]*)`|([^\s()|"`]+))')
_GROUP = re.compile(r"\.Group\.([A-Za-z_]\w*)", re.ASCII)
_QUOTE = '"'
_DIGITS = re.compile(r"[0-9a-z]+", re.ASCII | re.IGNORECASE)
_FIELDS = {".Name": "name", ".Zone": "zone", ".Class": "qclass", ".Type": "qtype", ".Remote": "remote"}


@dataclass(frozen=True, slots=True)
class Values:
    """What expressions stand for: of the question (names as text with a last dot), its sender, and its match.

    `match` is the whole match and its groups, `group` those by name and by number.
    """

    name: str
    zone: str
    qclass: str
    qtype: str
    remote: str
    match: Sequence[str]
    group: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One of the question's texts, by its name in `Values`."""

    name: str

    def render(self, values: Values) -> str:
        return str(getattr(values, self.name))


@dataclass(frozen=True, slots=True)
class Group:
    """A group by name; empty if the pattern that matched has none of this name."""

    name: str

    def render(self, values: Values) -> str:
        return values.group.get(self.name, "")


@dataclass(frozen=True, slots=True)
class Match:
    """The whole match (0), or one of its groups by number."""

    number: int

    def render(self, values: Values) -> str:
        if self.number >= len(values.match):
            raise ValueError(f"the pattern has no group {self.number}")
        return values.match[self.number]


@dataclass(frozen=True, slots=True)
class ParseInt:
    """A number in base `base` that fits into `bits` bits, rendered as decimal."""

    argument: Expression
    base: int
    bits: int

    def render(self, values: Values) -> str:
        text = self.argument.render(values)
        # int() alone would also take "1_0", " 1" and "-1".
        if not _DIGITS.fullmatch(text):
            raise ValueError(f'parseInt: "{text}" is no number')
        number = int(text, self.base)
        if number >= 1 << self.bits:
            raise ValueError(f"parseInt: {number} needs more than {self.bits} bits")
        return str(number)


Expression = Field | Group | Match | ParseInt


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and expressions in turn."""

    parts: tuple[str | Expression, ...]
    text: str = field(default="", compare=False)
    """As it was written."""

    def render(self, values: Values) -> str:
        """The text for one question. Raises ValueError where it can't be made."""
        return "".join(part if isinstance(part, str) else part.render(values) for part in self.parts)

    @property
    def is_fixed(self) -> bool:
        """True if it is the same text for every question."""
        return all(isinstance(part, str) for part in self.parts)

    def uses(self, field: str) -> bool:
        """True if this field of `Values` goes into it."""
        return any(isinstance(leaf, Field) and leaf.name == field for leaf in self._leaves())

    def match_numbers(self) -> list[int]:
        """The groups that it takes by number."""
        return [leaf.number for leaf in self._leaves() if isinstance(leaf, Match)]

    def group_names(self) -> list[str]:
        """The groups that it takes by name."""
        return [leaf.name for leaf in self._leaves() if isinstance(leaf, Group)]

    def _leaves(self) -> Iterator[Expression]:
        for part in self.parts:
            if not isinstance(part, str):
                while isinstance(part, ParseInt):
                    part = part.argument
                yield part


def parse(token: Token) -> Template:
    """Read a template; ConfigError with its place on what is none, or is not supported."""
    parts: list[str | Expression] = []
    position = 0
    for found in _EXPRESSION.finditer(token.text):
        parts += [token.text[position : found.start()], _expression(token, found[2])]
        position = found.end()
    rest = token.text[position:]
    if "{{" in rest or "}}" in rest:
        raise token.error('a "{{" without its "}}", or the other way round')
    return Template(tuple(part for part in (*parts, rest) if part != ""), token.text)


def _expression(token: Token, text: str) -> Expression:
    words = _words(token, text)
    expression = _read(token, words)
    if words:
        raise token.error(f'"{words[0]}" has no place in "{{{{ {text.strip()} }}}}"')
    return expression


def _words(token: Token, text: str) -> list[str]:
    """The words of an expression; texts in quotes begin with a quote."""
    words = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = _WORD.match(text, position)
        if found is None:
            raise token.error(f'"{text.strip()}" has a quote that is never closed')
        mark, quoted, raw, word = found.groups()
        words.append(mark or word or '"' + (quoted if quoted is not None else raw))
        position = found.end()
    return words


def _read(token: Token, words: list[str]) -> Expression:
    """Take one expression off the front of `words`."""
    if not words:
        raise token.error("an expression is missing between {{ and }}, or behind a function")
    word = words.pop(0)
    if word == "(":
        expression = _read(token, words)
        if words[:1] != [")"]:
            raise token.error('a "(" is never closed in a template')
        del words[0]
        return expression
    if word in _FIELDS:
        return Field(_FIELDS[word])
    if group := _GROUP.fullmatch(word):
        return Group(group[1])
    if word == "index":
        return _read_index(token, words)
    if word == "parseInt":
        argument = _read(token, words)
        base, bits = _read_number(token, words, 36), _read_number(token, words, 64)
        if base < 2:
            raise token.error("the base of parseInt is 2 to 36")
        return ParseInt(argument, base, bits or 64)
    known = ", ".join((*_FIELDS, ".Group.NAME", "index"))
    raise token.error(f'"{word.lstrip(_QUOTE)}" is not supported in templates: write one of {known} or parseInt')


def _read_index(token: Token, words: list[str]) -> Expression:
    of = words.pop(0) if words else ""
    if of == ".Match":
        return Match(_read_number(token, words, 99))
    if of == ".Group" and words and words[0].startswith('"'):
        return Group(words.pop(0)[1:])
    raise token.error('index takes .Match and a number, or .Group and a name in quotes, as in index .Group "a"')


def _read_number(token: Token, words: list[str], maximum: int) -> int:
    word = words.pop(0) if words else ""
    if not (word.isascii() and word.isdigit() and len(word) < 4 and int(word) <= maximum):
        raise token.error(f'"{word}" stands where a template needs a number of 0 to {maximum}')
    return int(word)
