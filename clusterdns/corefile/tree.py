"""The Corefile as a tree: server blocks, directives, arguments. Every node knows its place, for errors that name it.

Words mean nothing yet here; `clusterdns.corefile.keys` reads the keys, and each directive's module its directive.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile.lexer import Position, Token


@dataclass(frozen=True, slots=True)
class Directive:
    """One line, `name args... { block }`, and inside a block also one option. `block` is None without braces."""

    name: str
    args: tuple[Token, ...]
    block: tuple[Directive, ...] | None
    position: Position


@dataclass(frozen=True, slots=True)
class ServerBlock:
    """`key key... { directives }`; imports are already replaced by what they name."""

    keys: tuple[Token, ...]
    directives: tuple[Directive, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Corefile:
    """A whole configuration, in the order in which it is written. `source` is what its reader called it."""

    source: str
    server_blocks: tuple[ServerBlock, ...]
