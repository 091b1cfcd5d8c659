"""The part of Go's template language (text/template) that templates of names and targets take.

    {{ .Name }}.{{ .Namespace }}.ex.com     {{ index .Labels "app.kubernetes.io/name" }}.ex.com
    {{ if eq .Spec.Type "LoadBalancer" }}{{ .Name }}.ex.com{{ else }}{{ .Name }}.int.ex.com{{ end }}
    {{ range $key, $value := .Labels }}{{ if contains $key "app" }}{{ $.Name }}.{{ $value }}.ex.com,{{ end }}{{ end }}

Fields, variables, `if`, `else if`, `range`, `with`, pipelines, parentheses, and the functions of
`go_template_functions`. `define`, `break` and their like are refused by name when a template is read. `TemplateError`
is the one error. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from externaldns.sources.go_template_functions import FUNCTIONS, TemplateError, text_of

_ACTION = re.compile(r"(\s+(?={{- ))?{{(?:-(?=\s))?(.*?)(?:(?<=\s)-)?}}((?<= -}})\s+)?", re.DOTALL)
_COMMENT = re.compile(r"\s*/\*.*\*/\s*", re.DOTALL)
_WORD = re.compile(
    r"(?<=\))(?P<chain>(?:\.\w+)+)(?=[\s()|,]|$)"
    r'|\s*(?:(?P<mark>[()|,]|:?=)|(?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<number>-?\d+)(?=[\s()|]|$)'
    r"|(?P<field>\$\w*(?:\.\w+)*|(?:\.\w+)+|\.)(?=[\s()|,:=]|$)|(?P<name>[^\s()|,\"`]+))"
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}
_END_OF_COMMAND = (("mark", "|"), ("mark", ")"))


@dataclass(frozen=True, slots=True)
class Scope:
    """What `$` and `.` stand for, and the variables, each by a number of its own: one dict for a whole rendering."""

    root: Any
    dot: Any
    variables: dict[int, Any]
    source: str


Render = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class GoTemplate:
    """A template that was read. `fields` are the paths that it takes of the object itself: `Spec.Type`.

    `distinguishes`: it asks for the object's kind or source, and may hold what only some objects have.
    """

    text: str
    parts: tuple[Render, ...] = field(repr=False, compare=False)
    fields: frozenset[str]
    distinguishes: bool = False

    def render(self, root: Mapping[str, Any], source: str = "") -> str:
        """Return the text for the object `root` of `source`, a value of --source."""
        return _all(self.parts, Scope(root, root, {}, source))


def parse(text: str) -> GoTemplate:
    """Read a template."""
    reader = _Reader(text)
    parts, end = reader.block(outermost=True)
    assert end == "", "an outermost block ends with the text"
    distinguishes = bool(reader.fields & {"Kind", "APIVersion"}) or reader.asks_for_source
    return GoTemplate(text, tuple(parts), frozenset(reader.fields), distinguishes)


class _Reader:
    """Reads the text from start to end; `fields` fills with the paths that start at the object."""

    def __init__(self, text: str) -> None:
        self.fields: set[str] = set()
        self.asks_for_source = False
        self._pieces: list[tuple[bool, str]] = []
        self._inside = 0
        """How many `range` and `with` are open: in them the dot is something else than the object."""
        self._variables: dict[str, int] = {}
        """The variables that may be used at this place, and the number of each."""
        self._declared = 0
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
        known = dict(self._variables)
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
                    self._variables = known
                    return parts, piece.strip()
                case "define" | "template" | "block" | "break" | "continue":
                    raise TemplateError(f"{{{{ {word} }}}} is not supported here")
                case _:
                    parts.append(self._action(piece))
        if not outermost:
            raise TemplateError("an if, with or range has no {{ end }}")
        return parts, ""

    def _control(self, word: str, condition: str) -> Render:
        known = dict(self._variables)
        words = _words(condition)
        names, mark = _declared(words, condition)
        if mark == "=" or len(names) > (2 if word == "range" else 1):
            raise TemplateError(f"{{{{ {word} {condition.strip()} }}}}: too many variables, or no := behind them")
        test = self._pipeline(words, condition)
        numbers = [self._declare(name) for name in names]
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
        self._variables = known
        return (
            _range(test, numbers, body, otherwise)
            if word == "range"
            else _branch(test, numbers, body, otherwise, moves)
        )

    def _action(self, text: str) -> Render:
        words = _words(text)
        names, mark = _declared(words, text)
        made = self._pipeline(words, text)
        if not names:
            return made
        if len(names) > 1:
            raise TemplateError(f"{{{{ {text.strip()} }}}}: only range declares two variables")
        number = self._declare(names[0]) if mark == ":=" else self._number(names[0])

        def put(scope: Scope) -> str:
            scope.variables[number] = made(scope)
            return ""

        return put

    def _declare(self, name: str) -> int:
        self._declared += 1
        self._variables[name] = self._declared
        return self._declared

    def _number(self, name: str) -> int:
        if name not in self._variables:
            raise TemplateError(f"variable {name} is not declared; write {name} := ... before it")
        return self._variables[name]

    def _pipeline(self, words: list[tuple[str, str]], text: str) -> Render:
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
        if word != "isSource" and word not in FUNCTIONS:
            known = ", ".join(sorted([*FUNCTIONS, "isSource"]))
            raise TemplateError(f"{{{{ {text.strip()} }}}}: function {word!r} is not supported; there are {known}")
        arguments: list[Render] = []
        while words and words[0] not in _END_OF_COMMAND:
            arguments.append(self._operand(words, text))
        if last is not None:
            arguments.append(last)
        least, most, call = FUNCTIONS.get(word, (1, 1, str))
        if not least <= len(arguments) <= most:
            raise TemplateError(f"{{{{ {text.strip()} }}}}: {word} takes {_count(least, most)}, not {len(arguments)}")
        if word == "isSource":
            self.asks_for_source = True
            return lambda scope: str(arguments[0](scope)).lower() == scope.source
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
                if words and words[0][0] == "chain":
                    chain = words.pop(0)[1]
                    return _walk(made, chain.split(".")[1:], chain)
                return made
            case "name" if word in ("true", "false"):
                return _constant(word == "true")
        raise TemplateError(f"{{{{ {text.strip()} }}}}: {word!r} is not supported there")

    def _field(self, word: str) -> Render:
        name, *path = word.split(".")
        path = [part for part in path if part]
        if name not in ("", "$"):
            number = self._number(name)
            return _walk(lambda scope: scope.variables.get(number, ""), path, word)
        if path and (name == "$" or not self._inside):
            self.fields.add(".".join(path))
        return _walk((lambda scope: scope.root) if name else (lambda scope: scope.dot), path, word)


def _declared(words: list[tuple[str, str]], text: str) -> tuple[list[str], str]:
    """Take `$a :=`, `$a, $b :=` or `$a =` off the front of `words`; return the names and the mark, if there are any."""
    marks = [number for number, word in enumerate(words) if word in (("mark", ":="), ("mark", "="))]
    if not marks:
        return [], ""
    names = [word for _, word in words[: marks[0] : 2]]
    commas = words[1 : marks[0] : 2]
    if not names or not all(re.fullmatch(r"\$\w+", name) for name in names) or set(commas) - {("mark", ",")}:
        raise TemplateError(f"{{{{ {text.strip()} }}}}: before := and = stands a variable, such as $name")
    mark = words[marks[0]][1]
    del words[: marks[0] + 1]
    return names, mark


def _words(text: str) -> list[tuple[str, str]]:
    """The words of an action, each with its kind: mark, text, number, field, chain or name."""
    words: list[tuple[str, str]] = []
    position, text = 0, text.rstrip()
    while position < len(text):
        found = _WORD.match(text, position)
        if found is None or not found.lastgroup:
            raise TemplateError(f"{{{{ {text.strip()} }}}} has a quote that is never closed")
        words.append((found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return words


def _walk(start: Render, path: Sequence[str], word: str) -> Render:
    def read(scope: Scope) -> Any:
        value = start(scope)
        for part in path:
            if not isinstance(value, Mapping):
                raise TemplateError(f"{word}: there is no field {part}")
            value = value.get(part, "")
        return value

    return read if path else start


def _branch(
    test: Render, numbers: Sequence[int], body: Sequence[Render], otherwise: Sequence[Render], moves: bool
) -> Render:
    def render(scope: Scope) -> str:
        value = test(scope)
        scope.variables.update(dict.fromkeys(numbers, value))
        if not value:
            return _all(otherwise, scope)
        return _all(body, replace(scope, dot=value) if moves else scope)

    return render


def _range(test: Render, numbers: Sequence[int], body: Sequence[Render], otherwise: Sequence[Render]) -> Render:
    def render(scope: Scope) -> str:
        value = test(scope)
        if not value:
            return _all(otherwise, scope)
        if isinstance(value, str | int | float):
            raise TemplateError(f"range goes over lists, not {value!r}")
        items = sorted(value.items()) if isinstance(value, Mapping) else enumerate(value)
        made: list[str] = []
        for key, item in items:
            # "If there is only one variable, it is assigned the element."
            scope.variables.update(zip(numbers, (key, item)[-len(numbers) :] if numbers else (), strict=True))
            made.append(_all(body, replace(scope, dot=item)))
        return "".join(made)

    return render


def _all(parts: Sequence[Render], scope: Scope) -> str:
    return "".join(text_of(part(scope)) for part in parts)


def _constant(value: Any) -> Render:
    return lambda scope: value


def _unquote(word: str) -> str:
    if word.startswith("`"):
        return word[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), word[1:-1])


def _count(least: int, most: int) -> str:
    return f"{least} arguments" if least == most else f"{least} or more arguments"
