"""The rewrite parser: rows of what it reads, and of what it refuses."""

from __future__ import annotations

import pytest

from clusterdns.directives.config import rewrite
from clusterdns.directives.config.name_match import Kind, NameMatch
from clusterdns.directives.config.pattern import compile_pattern
from clusterdns.directives.config.rewrite import (
    AnswerRule,
    CnameRule,
    Config,
    NameRule,
    RcodeRule,
    TtlRule,
    TypeRule,
)
from clusterdns.errors import ConfigError
from tests.unit.directives.config.parsing import read


def _regex(pattern: str) -> NameMatch:
    return NameMatch("regex", pattern=compile_pattern(pattern))


def _exact(name: str) -> NameMatch:
    return NameMatch("exact", name)


LARGEST = 2147483647


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("name A.example b.example", NameRule(_exact("a.example."), "b.example.", True)),
        ("name exact a. b.", NameRule(_exact("a."), "b.", True)),
        ("name prefix a b", NameRule(NameMatch("prefix", "a."), "b.")),
        ("name suffix .a .b answer auto", NameRule(NameMatch("suffix", ".a."), ".b.", True)),
        ("name substring a b", NameRule(NameMatch("substring", "a."), "b.")),
        (r"name regex (.*)\.A {1}.B", NameRule(_regex(r"(.*)\.A"), "{1}.b.")),
        (
            r"name regex x y answer name (a) {1} answer value b c",
            NameRule(
                _regex("x"),
                "y.",
                False,
                (AnswerRule("name", _regex("(a)"), "{1}."), AnswerRule("value", _regex("b"), "c.")),
            ),
        ),
        (
            "name exact a b answer auto value c d",
            NameRule(_exact("a."), "b.", True, (AnswerRule("value", _regex("c"), "d."),)),
        ),
        ("name suffix .a .a answer name auto", NameRule(NameMatch("suffix", ".a."), ".a.", True)),
        (
            "name suffix .a .a answer name auto answer value c d",
            NameRule(NameMatch("suffix", ".a."), ".a.", True, (AnswerRule("value", _regex("c"), "d."),)),
        ),
        # A pattern that is spelled "auto".
        (
            "name suffix .a .b answer name auto c",
            NameRule(NameMatch("suffix", ".a."), ".b.", False, (AnswerRule("name", _regex("auto"), "c."),)),
        ),
        ("type ANY HINFO", TypeRule(255, 13)),
        ("type a TYPE65", TypeRule(1, 65)),
        ("ttl a 30", TtlRule(_exact("a."), 30, 30)),
        ("ttl regex ^x 30-300", TtlRule(_regex("^x"), 30, 300)),
        ("ttl suffix .a -30", TtlRule(NameMatch("suffix", ".a."), 0, 30)),
        ("ttl a 30-", TtlRule(_exact("a."), 30, LARGEST)),
        ("rcode a NXDOMAIN servfail", RcodeRule(_exact("a."), 3, 2)),
        ("rcode prefix a 3 0", RcodeRule(NameMatch("prefix", "a."), 3, 0)),
        ("cname a.x b", CnameRule(_exact("a.x."), "b.")),
        ("cname exact a.x b", CnameRule(_exact("a.x."), "b.")),
        ("cname prefix a- b-", CnameRule(NameMatch("prefix", "a-"), "b-")),
        ("cname suffix .a .b", CnameRule(NameMatch("suffix", ".a."), ".b.")),
        ("cname substring X y", CnameRule(NameMatch("substring", "x"), "y")),
        ("cname regex (a) {1}b", CnameRule(_regex("(a)"), "{1}b.")),
    ],
)
def test_read(text: str, rule: rewrite.Rule) -> None:
    assert read(f"rewrite {text}") == Config(rule)
    assert read(f"rewrite stop {text}") == Config(rule)
    assert read(f"rewrite Continue {text}") == Config(rule, stops=False)
    # In braces, on any number of lines.
    assert read(f"rewrite continue {{\n{text}\n}}") == Config(rule, stops=False)
    assert read(f"rewrite {{\n{text.replace(' answer ', f'{chr(10)}answer ')}\n}}") == Config(rule)


REFUSED = {
    "rewrite": "f:2:1: rewrite needs a rule: write one of name, type, ttl, rcode, cname",
    "rewrite stop": "f:2:1: rewrite needs a rule",
    "rewrite stop {\n}": "f:2:1: rewrite needs a rule",
    "rewrite nmae a b": 'f:2:9: unknown field of rewrite "nmae": .* did you mean "name"',
    "rewrite {\n nmae a b\n}": 'f:3:2: unknown option "nmae" of rewrite; did you mean "name"',
    "rewrite class CH IN": "f:2:9: the field class of rewrite is not supported here; remove",
    "rewrite continue edns0 nsid set": "f:2:18: the field edns0 of rewrite is not supported here; remove",
    "rewrite {\n edns0 local set 0xffee abcd\n}": "f:3:2: the option edns0 of rewrite is not supported here; remove",
    "rewrite answer name a b": "f:2:9: answer belongs behind a name rule",
    "rewrite name a b {\n answer auto\n}": "f:2:14: write the rule of rewrite either on its line or in braces",
    "rewrite name": "f:2:9: name needs what to replace",
    "rewrite name a": "f:2:9: name needs what to replace",
    'rewrite name "" b': "f:2:14: the name is empty",
    'rewrite name a ""': "f:2:16: the name is empty",
    "rewrite name exactly a b": 'f:2:14: unknown kind of match "exactly": .* did you mean "exact"',
    "rewrite name a b c d": 'f:2:14: unknown kind of match "a"',
    "rewrite name regex (a b": 'f:2:20: "\\(a" is no regular expression',
    "rewrite name regex a {1}": "f:2:22: [{]1} is no group of the pattern, which has 0",
    "rewrite name regex (a) {1}{2}": "f:2:24: [{]2} is no group of the pattern, which has 1",
    f"rewrite name regex {'a' * 10001} b": "f:2:20: the pattern is longer than 10000 characters",
    "rewrite name exact a b auto": 'f:2:24: unknown word behind a name rule "auto": write answer',
    "rewrite name exact a b answer": "f:2:24: answer needs auto, name or value behind it",
    "rewrite name exact a b answer all": 'f:2:31: unknown part of an answer "all"',
    "rewrite name regex a b answer name c": "f:2:31: name needs a pattern, and what replaces",
    "rewrite name regex a b answer name (c d": "f:2:36: ",
    "rewrite name regex a b answer name c {1}": "f:2:38: [{]1} is no group",
    "rewrite name suffix a b answer auto answer name c d": "f:2:25: answer auto and answer name exclude each other",
    "rewrite type A": "f:2:9: type has 1 words behind it: write rewrite type FROM TO",
    "rewrite type A MX TXT": "f:2:19: type has 3 words behind it",
    "rewrite type B A": 'f:2:14: "B" is no record type',
    "rewrite ttl a": "f:2:9: ttl has 1 words behind it: write rewrite ttl \\[KIND\\] NAME SECONDS",
    "rewrite ttl a -": 'f:2:15: "-" is no TTL',
    "rewrite ttl a 30s": 'f:2:15: "30s" is no TTL: write seconds, or a range such as 30-300, -30 or 30-',
    "rewrite ttl a 2147483648": "f:2:15: ttl is 2147483648, but must be between",
    "rewrite ttl a 40-30": "f:2:15: no TTL is at least 40 and at most 30 seconds",
    "rewrite ttl a 30 40": 'f:2:13: unknown kind of match "a"',
    "rewrite rcode a NXDOMAIN": "f:2:9: rcode has 2 words behind it",
    "rewrite rcode a NXDOMAIN NOPE": 'f:2:26: "NOPE" is no rcode',
    "rewrite rcode a 11 0": 'f:2:17: "11" is no rcode',
    "rewrite cname a": "f:2:9: cname has 1 words behind it",
    "rewrite cname prefix a": "f:2:9: cname has 2 words behind it",
    "rewrite cname some a b": 'f:2:15: unknown kind of match "some"',
}


@pytest.mark.parametrize(("text", "error"), REFUSED.items(), ids=[text[:60] for text in REFUSED])
def test_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=f"^{error}"):
        read(text)


# Kind, text, name, what replaces, result.
@pytest.mark.parametrize(
    ("kind", "text", "name", "to", "result"),
    [
        ("exact", "a.", "a.", "b.", "b."),
        ("exact", "a.", "a.a.", "b.", None),
        ("prefix", "a.", "a.b.", "c.", "c.b."),
        ("prefix", "a.", "b.a.", "c.", None),
        ("suffix", ".a.", "b.a.", ".c.", "b.c."),
        ("suffix", ".a.", "a.", ".c.", None),
        ("substring", "a.", "a.b.a.", "c.", "c.b.c."),
        ("substring", "a.", "b.", "c.", None),
    ],
)
def test_matches(kind: Kind, text: str, name: str, to: str, result: str | None) -> None:
    match = NameMatch(kind, text)
    assert match.replace(name, to) == result
    assert match.matches(name) is (result is not None)


def test_a_group_is_text_and_no_group_again() -> None:
    assert _regex("^(.*)-(.*)$").replace("{2}-x.", "{1}.{2}") == "{2}.x."
