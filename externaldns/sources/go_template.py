"""The part of Go's template language (text/template) that --fqdn-template takes: text with {{ actions }} in it.

    {{ .Name }}.{{ .Namespace }}.ex.com     {{ index .Labels "app.kubernetes.io/name" }}.ex.com
    {{ if eq .Spec.Type "LoadBalancer" }}{{ .Name }}.ex.com{{ else }}{{ .Name }}.int.ex.com{{ end }}
    {{ range .Status.Addresses }}{{ if isIPv4 .Address }}{{ .Address | replace "." "-" }}.ex.com,{{ end }}{{ end }}

Fields, `index`, `if`, `else if`, `range`, `with`, pipelines, parentheses, and the functions below. Variables, `define`
and everything else is refused by name when it is read. `TemplateError` is the one error. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clusterdns.errors import ClusterDNSError

_ACTION = re.compile(r"(\s+(?={{- ))?{{(?:-(?=\s))?(.*?)(?:(?<=\s)-)?}}((?<= -}})\s+)?", re.DOTALL)
_COMMENT = re.compile(r"\s*/\*.*\*/\s*", re.DOTALL)
_WORD = re.compile(
    r'\s*(?:(?P<mark>[()|])|(?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<number>-?\d+)(?=[\s()|]|$)'
    r"|(?P<field>\$?(?:\.\w+)+|\$|\.)(?=[\s()|]|$)|(?P<name>[^\s()|\"`]+))"
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}


class TemplateError(ClusterDNSError):
    """A template that can't be read, or not be made for an object; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What `$` and `.` stand for."""

    root: Any
    dot: Any


Render = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class GoTemplate:
    """A template that was read. `fields` are the paths that it takes of the object itself: `Spec.Type`."""

    text: str
    parts: tuple[Render, ...] = field(repr=False, compare=False)
    fields: frozenset[str]

    def render(self, root: Mapping[str, Any]) -> str:
        return "".join(_text(part(Scope(root, root))) for part in self.parts)


def parse(text: str) -> GoTemplate:
    """Read a template."""
    reader = _Reader(text)
    parts, end = reader.block(outermost=True)
    assert end == "", "an outermost block ends with the text"
    return GoTemplate(text, tuple(parts), frozenset(reader.fields))


class _Reader:
    """Reads the text from start to end; `fields` fills with the paths that start at the object."""

    def __init__(self, text: str) -> None:
        self.fields: set[str] = set()
        self._pieces: list[tuple[bool, str]] = []
        self._inside = 0
        """How many `range` and `with` are open: in them the dot is something else than the object."""
        position = 0
        for found in _ACTION.finditer(text):
            self._literal(text[position : found.start()])
            if not _COMMENT.fullmatch(found[2]):
                self._pieces.append((True, found[2]))
            position = found.end()
        self._literal(text[position:])
        self._pieces.reverse()

    def _literal(self, text: str) -> None:
        if "{{" in text or "}}" in text:
            raise TemplateError('a "{{" without its "}}", or the other way round')
        if text:
            self._pieces.append((False, text))

    def block(self, *, outermost: bool = False) -> tuple[list[Render], str]:
        """Read up to the end of a block; return its parts, and what ended it: `end` or `else ...`."""
        parts: list[Render] = []
        while self._pieces:
            is_action, piece = self._pieces.pop()
            if not is_action:
                parts.append(_constant(piece))
                continue
            word, _, rest = piece.strip().partition(" ")
            match word:
                case "if" | "with" | "range":
                    parts.append(self._control(word, rest))
                case "else" | "end":
                    if outermost:
                        raise TemplateError(f"{{{{ {word} }}}} has no if, with or range before it")
                    return parts, piece.strip()
                case "define" | "template" | "block" | "break" | "continue":
                    raise TemplateError(f"{{{{ {word} }}}} is not supported here")
                case _:
                    parts.append(self._pipeline(piece))
        if not outermost:
            raise TemplateError("an if, with or range has no {{ end }}")
        return parts, ""

    def _control(self, word: str, condition: str) -> Render:
        test = self._pipeline(condition)
        moves = word != "if"
        self._inside += moves
        body, end = self.block()
        self._inside -= moves
        otherwise: list[Render] = []
        if end.startswith("else"):
            next_word, _, rest = end.removeprefix("else").strip().partition(" ")
            if next_word in ("if", "with"):
                otherwise = [self._control(next_word, rest)]
            elif next_word:
                raise TemplateError(f"{{{{ {end} }}}} is not supported: write else, else if or else with")
            else:
                otherwise, end = self.block()
                if end != "end":
                    raise TemplateError("an else has a second else")
        return _branch(word, test, body, otherwise)

    def _pipeline(self, text: str) -> Render:
        words = _words(text)
        made = self._commands(words, text)
        if words:
            raise TemplateError(f"{{{{ {text.strip()} }}}}: {words[0][1]!r} has no place there")
        return made

    def _commands(self, words: list[tuple[str, str]], text: str) -> Render:
        """Take a pipeline off the front of `words`, up to a `)` or the end."""
        made = self._command(words, text, None)
        while words and words[0] == ("mark", "|"):
            del words[0]
            made = self._command(words, text, made)
        return made

    def _command(self, words: list[tuple[str, str]], text: str, last: Render | None) -> Render:
        if not words:
            raise TemplateError(f"{{{{ {text.strip()} }}}}: something is missing")
        kind, word = words[0]
        if kind != "name" or word in ("true", "false"):
            if last is not None:
                raise TemplateError(f"{{{{ {text.strip()} }}}}: behind a | stands a function, not {word!r}")
            return self._operand(words, text)
        del words[0]
        function = FUNCTIONS.get(word)
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            what = "variables are" if word.startswith("$") or word == ":=" else f"function {word!r} is"
            raise TemplateError(f"{{{{ {text.strip()} }}}}: {what} not supported; there are {known}")
        arguments: list[Render] = []
        while words and words[0] not in (("mark", "|"), ("mark", ")")):
            arguments.append(self._operand(words, text))
        if last is not None:
            arguments.append(last)
        least, most, call = function
        if not least <= len(arguments) <= most:
            raise TemplateError(f"{{{{ {text.strip()} }}}}: {word} takes {_count(least, most)}, not {len(arguments)}")
        return lambda scope: call(*(argument(scope) for argument in arguments))

    def _operand(self, words: list[tuple[str, str]], text: str) -> Render:
        kind, word = words.pop(0)
        match kind:
            case "text":
                return _constant(_unquote(word))
            case "number":
                return _constant(int(word))
            case "field":
                return self._field(word)
            case "mark" if word == "(":
                made = self._commands(words, text)
                if not words or words.pop(0) != ("mark", ")"):
                    raise TemplateError(f'{{{{ {text.strip()} }}}}: a "(" is never closed')
                return made
            case "name" if word in ("true", "false"):
                return _constant(word == "true")
        raise TemplateError(f"{{{{ {text.strip()} }}}}: {word!r} is not supported there")

    def _field(self, word: str) -> Render:
        path = [part for part in word.removeprefix("$").split(".") if part]
        of_root = word.startswith("$") or not self._inside
        if of_root and path:
            self.fields.add(".".join(path))

        def read(scope: Scope) -> Any:
            value = scope.root if word.startswith("$") else scope.dot
            for part in path:
                if not isinstance(value, Mapping):
                    raise TemplateError(f"{word}: there is no field {part}")
                value = value.get(part, "")
            return value

        return read


def _words(text: str) -> list[tuple[str, str]]:
    """The words of an action, each with its kind: mark, text, number, field or name."""
    words: list[tuple[str, str]] = []
    position, text = 0, text.rstrip()
    while position < len(text):
        found = _WORD.match(text, position)
        if found is None or not found.lastgroup:
            raise TemplateError(f"{{{{ {text.strip()} }}}} has a quote that is never closed")
        words.append((found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return words


def _branch(word: str, test: Render, body: Sequence[Render], otherwise: Sequence[Render]) -> Render:
    def render(scope: Scope) -> str:
        value = test(scope)
        if not value:
            return _all(otherwise, scope)
        if word == "if":
            return _all(body, scope)
        if word == "with":
            return _all(body, Scope(scope.root, value))
        if isinstance(value, str | int):
            raise TemplateError(f"range goes over lists, not {value!r}")
        items = [value[key] for key in sorted(value)] if isinstance(value, Mapping) else value
        return "".join(_all(body, Scope(scope.root, item)) for item in items)

    return render


def _all(parts: Sequence[Render], scope: Scope) -> str:
    return "".join(_text(part(scope)) for part in parts)


def _constant(value: Any) -> Render:
    return lambda scope: value


def _unquote(word: str) -> str:
    if word.startswith("`"):
        return word[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), word[1:-1])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise TemplateError("a list or a map is no text: take one of its values")


def _count(least: int, most: int) -> str:
    return f"{least} arguments" if least == most else f"{least} or more arguments"


def _index(container: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(container, Mapping):
            container = container.get(key, "")
        elif isinstance(container, Sequence) and isinstance(key, int) and 0 <= key < len(container):
            container = container[key]
        else:
            raise TemplateError(f"index {key!r} is out of range, or not in a list or map")
    return container


def _and(*values: Any) -> Any:
    return next((value for value in values if not value), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if value), values[-1])


def _is_address(version: int) -> Callable[[Any], bool]:
    def test(value: Any) -> bool:
        try:
            return ipaddress.ip_address(str(value)).version == version
        except ValueError:
            return False

    return test


_MANY = 9

FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Any]]] = {
    # Go's own.
    "and": (1, _MANY, _and),
    "or": (1, _MANY, _or),
    "not": (1, 1, lambda value: not value),
    "eq": (2, _MANY, lambda first, *others: first in others),
    "ne": (2, 2, lambda left, right: left != right),
    "index": (2, _MANY, _index),
    "len": (1, 1, len),
    # ExternalDNS's.
    "contains": (2, 2, lambda text, part: part in text),
    "hasKey": (2, 2, lambda values, key: key in values),
    "isIPv4": (1, 1, _is_address(4)),
    "isIPv6": (1, 1, _is_address(6)),
    "replace": (3, 3, lambda old, new, text: text.replace(old, new)),
    "toLower": (1, 1, lambda text: text.lower()),
    "trim": (1, 1, lambda text: text.strip()),
    "trimPrefix": (2, 2, lambda text, prefix: text.removeprefix(prefix)),
    "trimSuffix": (2, 2, lambda text, suffix: text.removesuffix(suffix)),
}
"""By name: the least and most number of arguments, and what it does."""
