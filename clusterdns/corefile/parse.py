"""Corefile tokens to a tree. Reads no file itself: imports of files go through a function that the caller gives.

Grammar (corefile(5), coredns-import(7)):

    corefile  = { snippet | import | server }
    snippet   = "(name)" "{" anything "}"
    server    = key { [","] key } "{" { directive | import } "}"
    directive = name { argument } [ "{" { directive | import } "}" ]      (arguments on the line of the name)
    import    = "import" (snippet's name | file pattern)

Stricter than CoreDNS where its reading surprises: the braces of a server block can't be left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clusterdns.corefile import lexer
from clusterdns.corefile.lexer import Position, Token
from clusterdns.corefile.tree import Corefile, Directive, ServerBlock
from clusterdns.limits import COREFILE_DEPTH, COREFILE_IMPORTS

ReadFiles = Callable[[str], list[tuple[str, str]]]
"""Pattern (a path, `*` for any characters) to (name, text) of each file that matches; may raise OSError."""


def parse(text: str, source: str, *, environ: Mapping[str, str], read_files: ReadFiles | None = None) -> Corefile:
    """Parse `text`, known to its reader as `source` (a path: patterns of imports are relative to its folder).

    ConfigError, with its place, on anything that is not a Corefile. Without `read_files`, only snippets are imported.
    """
    imports = _Imports(environ, read_files)
    return Corefile(source, tuple(_Parser(lexer.tokens(text, source, environ), imports).server_blocks()))


@dataclass(slots=True)
class _Imports:
    """What imports may name, and how many there were. Shared by the parsers of one Corefile and all that it imports."""

    environ: Mapping[str, str]
    read_files: ReadFiles | None
    snippets: dict[str, list[Token]] = field(default_factory=dict)
    count: int = 0

    def resolve(self, name: Token) -> list[tuple[str, list[Token]]]:
        """What an import of `name` stands for: (name for the circle check, tokens) of each part."""
        self.count += 1
        if self.count > COREFILE_IMPORTS.maximum:
            raise name.error(f"more than {COREFILE_IMPORTS.maximum} imports")
        if name.text in self.snippets:
            return [(f"({name.text})", self.snippets[name.text])]
        if not name.text or self.read_files is None:
            known = ", ".join(sorted(self.snippets)) or "none so far"
            raise name.error(f'no snippet is named "{name.text}" (known: {known}); define it above its import')
        pattern = posixpath.join(posixpath.dirname(name.position.source), name.text)
        try:
            files = self.read_files(pattern)
        except OSError as error:
            raise name.error(f"can't import {pattern}: {error.strerror or error}") from error
        # CoreDNS: a pattern may match nothing yet, a plain name must exist.
        if not files and not set(pattern) & set("*?["):
            raise name.error(f"no snippet and no file is named {pattern}")
        return [(source, lexer.tokens(text, source, self.environ)) for source, text in files]


class _Parser:
    """One pass over the tokens of one source; `inside` are the imports that led here, outermost first."""

    def __init__(self, tokens: list[Token], imports: _Imports, inside: tuple[str, ...] = ()) -> None:
        self._tokens = tokens
        self._next = 0
        self._imports = imports
        self._inside = inside

    def server_blocks(self) -> list[ServerBlock]:
        blocks: list[ServerBlock] = []
        while token := self._peek():
            if token.text == "import" and token.kind == "word":
                for parser in self._imported():
                    blocks += parser.server_blocks()
                continue
            keys = self._keys(token)
            if len(keys) == 1 and keys[0].text.startswith("(") and keys[0].text.endswith(")"):
                self._snippet(keys[0])
            else:
                blocks.append(ServerBlock(keys, self._block(depth=1), token.position))
        return blocks

    def directives(self, depth: int, opened: Token | None) -> tuple[Directive, ...]:
        """Directives up to the brace that closes `opened`, or up to the end of an imported part."""
        found: list[Directive] = []
        while token := self._peek():
            if token.kind == "close":
                if opened is None:
                    raise token.error('unexpected "}": no "{" is open here')
                self._next += 1
                return tuple(found)
            if token.kind == "open":
                raise token.error('unexpected "{": write the name of a directive or option before it')
            if token.text == "import":
                for parser in self._imported():
                    found += parser.directives(depth, opened=None)
            else:
                found.append(self._directive(depth))
        if opened is not None:
            raise opened.error('this "{" is never closed: write "}"')
        return tuple(found)

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _keys(self, first: Token) -> tuple[Token, ...]:
        """The keys before a "{". They are separated by blanks or commas; after a comma the next line goes on."""
        keys: list[Token] = []
        line, goes_on = first.position.line, True
        while (token := self._peek()) and token.kind == "word":
            if token.position.line > line and not goes_on:
                raise token.error(f'expected "{{" after {keys[-1].text if keys else "the keys"}')
            self._next += 1
            line, goes_on = token.end_line, token.text.endswith(",")
            keys += _split_at_commas(token)
        if token is None:
            raise first.error(f'the server block "{first.text}" has no directives: write them between "{{" and "}}"')
        if token.kind == "close":
            raise token.error('unexpected "}": no "{" is open here')
        if goes_on:
            raise token.error('expected a key before "{", such as ".:53" or "cluster.local"')
        return tuple(keys)

    def _snippet(self, key: Token) -> None:
        name = key.text[1:-1]
        if not name:
            raise key.error("a snippet needs a name between its parentheses")
        if name in self._imports.snippets:
            raise key.error(f'the snippet "{name}" is already defined')
        opened = self._tokens[self._next]
        start = self._next + 1
        depth = 0
        while token := self._peek():
            self._next += 1
            depth += {"open": 1, "close": -1, "word": 0}[token.kind]
            if depth == 0:
                self._imports.snippets[name] = self._tokens[start : self._next - 1]
                return
        raise opened.error('this "{" is never closed: write "}"')

    def _block(self, depth: int) -> tuple[Directive, ...]:
        opened = self._tokens[self._next]
        if depth > COREFILE_DEPTH.maximum:
            raise opened.error(f"blocks are nested more than {COREFILE_DEPTH.maximum} deep")
        self._next += 1
        return self.directives(depth, opened)

    def _directive(self, depth: int) -> Directive:
        name = self._tokens[self._next]
        if not name.text:
            raise name.error("the name of a directive is empty; is an environment variable unset?")
        if name.text.endswith("{"):
            raise name.error(f'"{name.text}" needs a space before its "{{"')
        self._next += 1
        args: list[Token] = []
        block = None
        line = name.end_line
        while (token := self._peek()) and token.kind != "close":
            if token.kind == "open":  # also on a line of its own, as in CoreDNS
                block = self._block(depth + 1)
                self._check_line_ends()
                break
            if token.position.line > line:
                break
            args.append(token)
            line = token.end_line
            self._next += 1
        return Directive(name.text, tuple(args), block, name.position)

    def _check_line_ends(self) -> None:
        closed, following = self._tokens[self._next - 1], self._peek()
        if following and following.kind != "close" and following.position.line == closed.position.line:
            raise following.error('write a new line after "}"')

    def _imported(self) -> list[_Parser]:
        """Parsers of what the import at hand names."""
        start: Position = self._tokens[self._next].position
        end_line = self._tokens[self._next].end_line
        self._next += 1
        names: list[Token] = []
        while (token := self._peek()) and token.kind == "word" and token.position.line == end_line:
            names.append(token)
            end_line = token.end_line
            self._next += 1
        if len(names) != 1:
            raise start.error(f"import takes one argument, a snippet or a file, but has {len(names)}")
        parsers = []
        for source, tokens in self._imports.resolve(names[0]):
            if source in self._inside:
                raise names[0].error(f"{source} imports itself: {' > '.join((*self._inside, source))}")
            parsers.append(_Parser(tokens, self._imports, (*self._inside, source)))
        return parsers


def _split_at_commas(token: Token) -> list[Token]:
    """`a,b` is two keys, and `a,` is one; ConfigError where there is nothing between commas."""
    keys = []
    column = token.position.column
    *parts, last = token.text.split(",")
    for part in [*parts, last] if last else parts or [last]:
        position = Position(token.position.source, token.position.line, column)
        if not part:
            raise position.error('this key is empty; write a zone, such as "cluster.local", or "." for all names')
        if part.endswith("{"):
            raise position.error(f'"{part}" needs a space before its "{{"')
        keys.append(Token(part, "word", position, token.end_line))
        column += len(part) + 1
    return keys
