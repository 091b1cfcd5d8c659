"""How a rule recognises a name: exact, prefix, suffix, substring or regex, as in CoreDNS's `rewrite`.

Names are text, lower case, with a last dot. So is what they are compared with, however it was written: a prefix `web`
is `web.`, and means the whole first label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.directives.config.pattern import Pattern, pattern

Kind = Literal["exact", "prefix", "suffix", "substring", "regex"]
KINDS: tuple[Kind, ...] = ("exact", "prefix", "suffix", "substring", "regex")

_GROUP = re.compile(r"\{(\d{1,3})\}")


@dataclass(frozen=True, slots=True)
class NameMatch:
    """`text` is what names are compared with; of a regex it is `pattern`, searched for and not anchored."""

    kind: Kind
    text: str = ""
    pattern: Pattern | None = None

    def matches(self, name: str) -> bool:
        """True if the name is one of those meant."""
        if self.pattern is not None:
            return self.pattern.search(name) is not None
        if self.kind == "prefix":
            return name.startswith(self.text)
        if self.kind == "suffix":
            return name.endswith(self.text)
        if self.kind == "substring":
            return self.text in name
        return name == self.text

    def replace(self, name: str, to: str) -> str | None:
        """The name with what was recognised replaced by `to`; None if it is none of those meant.

        A regex replaces the whole name, and `{1}` in `to` is its first group.
        """
        if self.pattern is not None:
            found = self.pattern.search(name)
            return None if found is None else _GROUP.sub(lambda group: found[int(group[1])], to)
        if not self.matches(name):
            return None
        if self.kind == "prefix":
            return to + name[len(self.text) :]
        if self.kind == "suffix":
            return name[: len(name) - len(self.text)] + to
        if self.kind == "substring":
            return name.replace(self.text, to)
        return to


def kind_of(token: Token) -> Kind:
    """How a name is to be recognised."""
    return cast(Kind, reading.keyword(token, KINDS, "kind of match"))


def name_match(kind: Kind, token: Token, *, whole: bool = True) -> NameMatch:
    """What `token` recognises; ConfigError with its place if it can't be.

    Without `whole`, a prefix or substring is what was written, without a last dot of ours.
    """
    if kind == "regex":
        return NameMatch(kind, pattern=pattern(token))
    return NameMatch(kind, _part(token, whole or kind in ("exact", "suffix")))


def replacement(token: Token, match: NameMatch, *, whole: bool = True) -> str:
    """What replaces a name, or the part of one that `match` recognises; its groups must be those of a regex."""
    text = _part(token, whole or match.kind not in ("prefix", "substring"))
    if match.pattern is not None:
        for group in _GROUP.findall(text):
            if int(group) > match.pattern.groups:
                raise token.error(f"{{{group}}} is no group of the pattern, which has {match.pattern.groups}")
    return text


def _part(token: Token, whole: bool) -> str:
    if not token.text:
        raise token.error("the name is empty; is an environment variable unset?")
    text = token.text.lower()
    return text.removesuffix(".") + "." if whole else text
