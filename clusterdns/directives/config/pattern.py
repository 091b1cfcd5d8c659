"""Regular expressions of a Corefile, in RE2's syntax, which is Go's.

Who asks chooses the name that is searched, and RE2 needs time in proportion to its length whatever the pattern; a
matcher that tries one way after another can be kept busy for seconds by one name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import re2

from clusterdns.corefile.lexer import Token
from clusterdns.limits import PATTERN_CHARACTERS


@dataclass(frozen=True, slots=True)
class Pattern:
    """`text` compiled; searched for, and not anchored. `groups` is how many there are, `names` which have a name."""

    text: str
    groups: int = field(compare=False, repr=False)
    names: Mapping[str, int] = field(compare=False, repr=False)
    _compiled: Any = field(compare=False, repr=False)

    def search(self, text: str) -> tuple[str, ...] | None:
        """The leftmost match and its groups, empty for those that took no part; None without a match."""
        found = self._compiled.search(text)
        return None if found is None else (found[0], *found.groups(""))


def compile_pattern(text: str) -> Pattern:
    """Raises ValueError, with RE2's words, where `text` is no regular expression."""
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(text, options)
    except re2.error as error:
        # It has its words as bytes. What is not UTF-8 is a ValueError already.
        raise ValueError(error.args[0].decode("utf-8", "replace")) from None
    return Pattern(text, compiled.groups, dict(compiled.groupindex), compiled)


def pattern(token: Token) -> Pattern:
    """The regular expression that a word of a Corefile is; ConfigError with its place if it is none."""
    if len(token.text) > PATTERN_CHARACTERS.maximum:
        raise token.error(f"the pattern is longer than {PATTERN_CHARACTERS.maximum} characters")
    try:
        return compile_pattern(token.text)
    except ValueError as error:
        raise token.error(f'"{token.text}" is no regular expression: {error}') from None
