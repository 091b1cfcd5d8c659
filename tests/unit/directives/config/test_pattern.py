"""Regular expressions of a Corefile: Go's syntax, and names that a backtracking matcher never ends with."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.corefile.lexer import Position, Token
from clusterdns.directives.config.pattern import compile_pattern, pattern
from clusterdns.errors import ConfigError


def _token(text: str) -> Token:
    return Token(text, "word", Position("f", 1, 1), 1)


@pytest.mark.parametrize(
    ("text", "searched", "found"),
    [
        ("b", "abc", ("b",)),
        ("^b", "abc", None),
        ("a|ab", "ab", ("a",)),
        ("(a*)(a*)", "aaa", ("aaa", "aaa", "")),
        ("(a)|(b)", "b", ("b", "", "b")),
        ("(?P<first>.)(?<second>.)", "ab", ("ab", "a", "b")),
        ("(?P<a>.)(?P<a>.)", "ab", ("ab", "a", "b")),
        ("(?i)WEB", "web.example.", ("web",)),
        ("[[:alpha:]]+", "1ab2", ("ab",)),
        (r"\pL+", "1\u00e42", ("\u00e4",)),
        (r"example\.\z", "web.example.", ("example.",)),
        ("", "a", ("",)),
    ],
)
def test_what_is_found(text: str, searched: str, found: tuple[str, ...] | None) -> None:
    assert pattern(_token(text)).search(searched) == found


def test_groups_and_their_names() -> None:
    made = pattern(_token("(?P<a>.)(.)(?<b>.)"))
    assert (made.groups, made.names) == (3, {"a": 1, "b": 3})
    assert made == compile_pattern("(?P<a>.)(.)(?<b>.)") != compile_pattern("(?P<a>.)")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(", "missing \\)"),
        ("a{2,1}", "invalid repetition"),
        ("a{1001}", "invalid repetition"),
        ("*", "no argument for repetition"),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape"),
        ("[[:nothing:]]", "invalid character class range"),
        ("(((((x{30}){30}){30}){30}){30})", "invalid repetition size"),
        ("\udcff", "surrogates not allowed"),
    ],
)
def test_no_patterns(text: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=rf"^f:1:1: .* is no regular expression: .*{reason}"):
        pattern(_token(text))
    assert capfd.readouterr() == ("", "")


def test_the_longest_pattern() -> None:
    pattern(_token("a" * 10000))
    with pytest.raises(ConfigError, match=r"^f:1:1: the pattern is longer than 10000 characters$"):
        pattern(_token("a" * 10001))


@pytest.mark.parametrize("text", ["(a*)*b", "(a|a)*b", "(a|aa)+$", ".*.*.*.*.*.*.*.*x", "(.*)(.*)(.*)(.*)(.*)b$"])
def test_names_that_a_backtracking_matcher_never_ends_with(text: str) -> None:
    assert pattern(_token(text)).search(253 * "a" + ".") is None


@given(
    st.sampled_from(["(.*)-(a*)", ".*a", "(.*)b|a-", ".*?-", "(.*)", "a(.*)", "(a|ab)(b|)", "^(a+)-(b+)[.]$"]),
    st.text(alphabet="ab-.", max_size=12),
)
def test_the_usual_ones_mean_what_they_mean_to_any_perl_like_matcher(text: str, name: str) -> None:
    plain = re.search(text, name)
    assert pattern(_token(text)).search(name) == (plain and (plain[0], *plain.groups("")))
