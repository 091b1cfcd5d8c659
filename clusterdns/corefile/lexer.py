"""Corefile text to tokens, each knowing its file, line and column. First step of reading a configuration.

Follows the lexer of Caddy 1, on which CoreDNS stands (https://coredns.io/manual/toc/#configuration): words are
separated by white space; a word may be quoted with `"`, inside which only `\\"` is an escape and lines may end; an
unquoted `#` starts a comment, even inside a word; nothing continues a line. `{$NAME}` and `{%NAME%}` are replaced by
the environment's values inside a word, so that a value never becomes a brace or several words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from clusterdns.errors import ConfigError

_TOKEN = re.compile(
    r"""
      (?P<blank>   \s+ | \#[^\n]* )
    | (?P<quoted>  " (?P<inner> (?: [^"\\] | \\. )* ) " )
    | (?P<open_quote> " )
    | (?P<word>    [^\s\#]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_VARIABLE = re.compile(r"\{\$([^{}]+)\}|\{%([^{}%]+)%\}")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a Corefile; `line` and `column` count from 1, columns in characters."""

    source: str
    line: int
    column: int

    def error(self, message: str) -> ConfigError:
        """A ConfigError at this place, for the caller to raise."""
        return ConfigError(message, source=self.source, line=self.line, column=self.column)


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a brace. `end_line` is the line where it ends: a quoted word may span several."""

    text: str
    kind: Literal["word", "open", "close"]
    position: Position
    end_line: int

    def error(self, message: str) -> ConfigError:
        """A ConfigError at this token, for the caller to raise."""
        return self.position.error(message)


def tokens(text: str, source: str, environ: Mapping[str, str]) -> list[Token]:
    """The tokens of `text`, variables replaced (an unset one is empty, as in CoreDNS); ConfigError on an open quote."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: list[Token] = []
    line, line_start = 1, 0
    for match in _TOKEN.finditer(text):
        position = Position(source, line, match.start() - line_start + 1)
        raw = match[0]
        if newlines := raw.count("\n"):
            line += newlines
            line_start = match.start() + raw.rindex("\n") + 1
        if match["open_quote"]:
            raise position.error('this quote is never closed: write a closing ", or \\" for the character itself')
        if match["quoted"]:
            word = match["inner"].replace('\\"', '"')
            found.append(Token(_with_variables(word, environ), "word", position, line))
        elif raw == "{":
            found.append(Token(raw, "open", position, line))
        elif raw == "}":
            found.append(Token(raw, "close", position, line))
        elif match["word"]:
            found.append(Token(_with_variables(raw, environ), "word", position, line))
    return found


def _with_variables(word: str, environ: Mapping[str, str]) -> str:
    if "{" not in word:
        return word
    return _VARIABLE.sub(lambda match: environ.get(match[1] or match[2], ""), word)
