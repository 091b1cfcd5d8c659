"""The template parser, and the part of Go's template language that it reads."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.corefile.lexer import Position, Token
from clusterdns.directives.config import go_template
from clusterdns.directives.config.go_template import Field, Group, Match, ParseInt, Template, Values
from clusterdns.directives.config.pattern import compile_pattern
from clusterdns.directives.config.template import Config
from clusterdns.errors import ConfigError
from clusterdns.wire.edns import ExtendedError
from tests.unit.directives.config.parsing import read

VALUES = Values("web.example.", "example.", "IN", "A", "10.0.0.7", ("web.", "web", "0a"), {"name": "web", "hex": "0a"})
FIXED = "x. 60 IN A 10.0.0.1"
GROUPS = """
template IN A {
  match (?P<a>.)(.)
  answer "{{ .Group.a }}{{ index .Match 2 }}{{ index .Group \\"2\\" }} A 10.0.0.1"
}
"""


def _template(text: str) -> Template:
    return go_template.parse(Token(text, "word", Position("f", 1, 1), 1))


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("template IN A", Config(1)),
        ("template ANY ANY", Config(None)),
        ("template in aaaa Example.org 10.0.0.0/8", Config(28, ("example.org.", "10.in-addr.arpa."))),
        ("template IN A {\n rcode NXDOMAIN\n}", Config(1, rcode=3)),
        ("template IN A {\n match a b\n match c\n}", Config(1, patterns=tuple(map(compile_pattern, "abc")))),
        ("template IN A {\n fallthrough\n}", Config(1, fallthrough=(".",))),
        ("template IN A {\n fallthrough a b\n}", Config(1, fallthrough=("a.", "b."))),
        ("template IN A {\n ederror 21\n}", Config(1, ederror=ExtendedError(21))),
        ('template IN A {\n ederror 21 "not here"\n}', Config(1, ederror=ExtendedError(21, "not here"))),
        (
            f'template IN A {{\n answer "{FIXED}"\n authority "{FIXED}"\n additional "{FIXED}" "{FIXED}"\n}}',
            Config(
                1,
                answer=(Template((FIXED,)),),
                authority=(Template((FIXED,)),),
                additional=(Template((FIXED,)), Template((FIXED,))),
            ),
        ),
        (
            GROUPS,
            Config(
                1,
                patterns=(compile_pattern("(?P<a>.)(.)"),),
                answer=(Template((Group("a"), Match(2), Group("2"), " A 10.0.0.1")),),
            ),
        ),
    ],
)
def test_read(text: str, config: Config) -> None:
    assert read(text) == config


REFUSED = {
    "template": "f:2:1: template takes at least 2 arguments, but has 0",
    "template IN": "f:2:1: template takes at least 2 arguments, but has 1",
    "template CH TXT": 'f:2:10: "CH" is no class that is served here: write IN or ANY',
    "template IN AAA": 'f:2:13: "AAA" is no record type',
    "template IN A {\n match\n}": "f:3:2: match takes at least 1 argument",
    "template IN A {\n match (\n}": 'f:3:8: "\\(" is no regular expression',
    "template IN A {\n rcode NOPE\n}": 'f:3:8: "NOPE" is no rcode',
    "template IN A {\n ederror x\n}": 'f:3:10: ederror needs a whole number, not "x"',
    "template IN A {\n ederror 65536\n}": "f:3:10: ederror is 65536, but must be between 0 and 65535",
    "template IN A {\n ederror 1 a b\n}": "f:3:14: ederror takes 1 to 2 arguments, but has 3",
    "template IN A {\n anwser x\n}": 'f:3:2: unknown option "anwser" of template; did you mean "answer"',
    'template IN A {\n answer "x. IN A 10.0.0"\n}': "f:3:9: 'x. IN A 10.0.0' is not a record",
    'template IN A {\n answer "x."\n}': "f:3:9: 'x.' is not a record: it ends too early",
    'template IN A {\n answer "{{ index .Match 1 }}"\n}': "f:3:9: index .Match 1: no match of this template has",
    'template IN A {\n match (.)\n answer "{{ index .Match 2 }}"\n}': "f:4:9: index .Match 2: no match",
    'template IN A {\n match (?P<host>.)\n answer "{{ .Group.hots }}"\n}': (
        'f:4:9: no match of this template has a group named "hots"; did you mean "host"'
    ),
    'template IN A {\n answer "{{ .Group.a }}"\n}': 'f:3:9: no match of this template has a group named "a"',
}


@pytest.mark.parametrize(("text", "error"), REFUSED.items(), ids=REFUSED)
def test_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=f"^{error}"):
        read(text)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", ""),
        ("plain { text }", "plain { text }"),
        ("{{ .Name }} {{.Zone}} {{ .Class }} {{ .Type }} {{ .Remote }}", "web.example. example. IN A 10.0.0.7"),
        ("<{{ .Group.name }}>", "<web>"),
        ("{{ .Group.none }}", ""),
        ('{{ index .Group "name" }}{{ index .Group `hex` }}', "web0a"),
        ("{{ index .Match 0 }}{{ index .Match 1 }}", "web.web"),
        ("{{ parseInt .Group.hex 16 8 }}", "10"),
        ("{{ parseInt (index .Match 2) 16 64 }}", "10"),
        ("{{ parseInt (.Group.hex) 16 0 }}", "10"),
        ("{{ parseInt (parseInt .Group.hex 16 8) 10 8 }}", "10"),
        ("a {{- .Zone -}} b", "aexample.b"),
        ("a {{- .Zone }} b", "aexample. b"),
        ("a {{ .Zone -}} b", "a example.b"),
    ],
)
def test_rendering(text: str, rendered: str) -> None:
    assert _template(text).render(VALUES) == rendered


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{ index .Match 3 }}", "the pattern has no group 3"),
        ("{{ parseInt .Name 16 8 }}", 'parseInt: "web.example." is no number'),
        ("{{ parseInt .Group.none 16 8 }}", 'parseInt: "" is no number'),
        ("{{ parseInt .Group.hex 10 8 }}", "invalid literal"),
        ("{{ parseInt .Group.hex 16 3 }}", "parseInt: 10 needs more than 3 bits"),
    ],
)
def test_what_can_not_be_rendered(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        _template(text).render(VALUES)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{", 'a "{{" without its "}}"'),
        ("}}", 'a "{{" without its "}}"'),
        ("{{ .Name", 'a "{{" without its "}}"'),
        ("{{ }}", "an expression is missing"),
        ("{{ .Nmae }}", '".Nmae" is not supported in templates: write one of .Name'),
        ("{{ .Group }}", '".Group" is not supported'),
        ("{{ .Group.1a }}", '".Group.1a" is not supported'),
        ('{{ .Meta "kubernetes/client-namespace" }}', '".Meta" is not supported'),
        ("{{ .Message.Id }}", '".Message.Id" is not supported'),
        ("{{ .Question.Name }}", '".Question.Name" is not supported'),
        ("{{ if .Name }}", '"if" is not supported'),
        ("{{ $x := .Name }}", '"\\$x" is not supported'),
        ("{{ .Name | len }}", '"|" has no place in'),
        ("{{ .Name .Zone }}", '".Zone" has no place in'),
        ('{{ "text" }}', '"text" is not supported'),
        ("{{ (.Name }}", 'a "\\(" is never closed'),
        ("{{ .Name) }}", '"\\)" has no place'),
        ('{{ index .Group "a }}', '"index .Group "a" has a quote that is never closed'),
        ("{{ index .Match }}", '"" stands where a template needs a number of 0 to 99'),
        ("{{ index .Match 100 }}", '"100" stands where'),
        ("{{ index .Match -1 }}", '"-1" stands where'),
        ("{{ index .Name 1 }}", "index takes .Match and a number"),
        ("{{ index }}", "index takes .Match and a number"),
        ("{{ index .Group a }}", "index takes .Match and a number"),
        ("{{ parseInt .Name }}", '"" stands where a template needs a number of 0 to 36'),
        ("{{ parseInt .Name 1 8 }}", "the base of parseInt is 2 to 36"),
        ("{{ parseInt .Name 16 65 }}", '"65" stands where'),
        ("{{ parseInt }}", "an expression is missing"),
    ],
)
def test_what_is_no_template(text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=f"^f:1:1: {error}"):
        _template(text)


def test_what_a_template_uses() -> None:
    made = _template("{{ .Remote }}{{ parseInt .Group.a 16 8 }}{{ index .Match 1 }}")
    assert (made.uses("remote"), made.uses("name")) == (True, False)
    assert (made.group_names(), made.match_numbers(), made.is_fixed) == (["a"], [1], False)
    assert made.parts == (Field("remote"), ParseInt(Group("a"), 16, 8), Match(1))
    assert _template("x").is_fixed


_PIECES = ["{{", "}}", "{{- ", " -}}", " ", "(", ")", "|", '"', "`", ".Name", ".Match", ".Group", ".Group.a", "index"]
_PIECES += ["parseInt", "1", "16", "8", "x", "\\", "$x", "if", "end"]


@given(st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_a_template_or_a_config_error(text: str) -> None:
    rendered = None
    with contextlib.suppress(ConfigError, ValueError):
        rendered = _template(text).render(VALUES)
    assert rendered is None or ("{{" in text) or rendered == text
