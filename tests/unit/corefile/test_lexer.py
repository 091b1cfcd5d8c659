"""Words, quotes, comments, variables and places, as Caddy 1's lexer reads them."""

from __future__ import annotations

import pytest

from clusterdns.corefile.lexer import tokens
from clusterdns.errors import ConfigError

ENVIRON = {"PORT": "1053", "SPACED": "a b", "BRACE": "{", "NESTED": "{$PORT}", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\r\n", []),
        ("a b\tc\nd", ["a", "b", "c", "d"]),
        ("a\r\nb", ["a", "b"]),
        ("\ufeffa", ["a"]),
        ("a\u00a0b\u3000c", ["a", "b", "c"]),
        ("# all\na # rest { }\nb", ["a", "b"]),
        ("a#b\nc", ["a", "c"]),
        ('"a b" c', ["a b", "c"]),
        ('"a # b"', ["a # b"]),
        (r'"a \"b\" c"', ['a "b" c']),
        (r'"\\d+\." \d', [r"\\d+\.", r"\d"]),
        ('""', [""]),
        ('"a\nb"', ["a\nb"]),
        ('"a"b', ["a", "b"]),
        ('a"b" c', ['a"b"', "c"]),
        ("a\\\nb", ["a\\", "b"]),
        (".:{$PORT}", [".:1053"]),
        (".:{%PORT%}", [".:1053"]),
        ("{$SPACED}", ["a b"]),
        ('"x{$SPACED}y"', ["xa by"]),
        ("{$BRACE}", ["{"]),
        ("{$NESTED}", ["{$PORT}"]),
        ("{$UNSET}x", ["x"]),
        ("{$EMPTY}", [""]),
        ("{$}", ["{$}"]),
        ("{common}", ["{common}"]),
        ("{{ }", ["{{", "}"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [token.text for token in tokens(text, "Corefile", ENVIRON)] == words


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a { b }", ["word", "open", "word", "close"]),
        ('"{" "}"', ["word", "word"]),
        ("{$BRACE}", ["word"]),
        ("a{ }b", ["word", "word"]),
    ],
)
def test_only_a_brace_of_its_own_is_a_brace(text: str, kinds: list[str]) -> None:
    assert [token.kind for token in tokens(text, "Corefile", ENVIRON)] == kinds


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a b", [(1, 1, 1), (1, 3, 1)]),
        ("\ta\n  b", [(1, 2, 1), (2, 3, 2)]),
        ("\ufeffa\r\nb c", [(1, 1, 1), (2, 1, 2), (2, 3, 2)]),
        ('"a\nb" c\nd', [(1, 1, 2), (2, 4, 2), (3, 1, 3)]),
        ("# x\n\n\n a", [(4, 2, 4)]),
        ("é 例 c", [(1, 1, 1), (1, 3, 1), (1, 5, 1)]),
    ],
)
def test_places(text: str, places: list[tuple[int, int, int]]) -> None:
    found = tokens(text, "f", {})
    assert [(token.position.line, token.position.column, token.end_line) for token in found] == places
    assert {token.position.source for token in found} == {"f"}


@pytest.mark.parametrize(
    ("text", "place"), [('a "b', "f:1:3"), ('a\n "b\nc', "f:2:2"), ('"a" "', "f:1:5"), ('"\\"', "f:1:1")]
)
def test_an_open_quote_is_an_error_where_it_opens(text: str, place: str) -> None:
    with pytest.raises(ConfigError, match=f"^{place}: this quote is never closed"):
        tokens(text, "f", {})
