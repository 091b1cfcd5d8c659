"""Trees from texts, and what is said of texts that are no Corefile."""

from __future__ import annotations

import pytest

from clusterdns.corefile.parse import parse
from clusterdns.corefile.tree import Directive, ServerBlock
from clusterdns.errors import ConfigError

Outline = list[object]


def _directive(directive: Directive) -> object:
    words = " ".join([directive.name, *(f"<{arg.text}>" if " " in arg.text else arg.text for arg in directive.args)])
    return words if directive.block is None else [words, [_directive(each) for each in directive.block]]


def _outline(blocks: tuple[ServerBlock, ...]) -> Outline:
    return [
        [" ".join(key.text for key in block.keys), [_directive(each) for each in block.directives]] for block in blocks
    ]


@pytest.mark.parametrize(
    ("text", "outline"),
    [
        ("", []),
        ("# nothing\n", []),
        (". {\n}", [[".", []]]),
        (".:53 {\n errors\n cache 30\n}", [[".:53", ["errors", "cache 30"]]]),
        (".:53\n{\n errors\n}", [[".:53", ["errors"]]]),
        ("a b {\n}\nc {\n}", [["a b", []], ["c", []]]),
        ("a, b {\n}", [["a b", []]]),
        ("a,b {\n}", [["a b", []]]),
        ("a,\nb {\n}", [["a b", []]]),
        (". {\n log . {combined}\n}", [[".", ["log . {combined}"]]]),
        (". {\n cache {\n  success 9984 30\n }\n loop\n}", [[".", [["cache", ["success 9984 30"]], "loop"]]]),
        (". {\n cache\n {\n  keepttl\n }\n}", [[".", [["cache", ["keepttl"]]]]]),
        (". {\n health {\n }\n}", [[".", [["health", []]]]]),
        (". { health { lameduck 5s } }", [[".", [["health", ["lameduck 5s"]]]]]),
        (". {\n log . \"a\nb\" c\n}", [[".", ["log . a\nb c"]]]),
        (". {\n errors {\n  consolidate 5m \".* {\"\n }\n}", [[".", [["errors", ["consolidate 5m <.* {>"]]]]]),
        ('. {\n log . "{"\n}', [[".", ["log . {"]]]),
        (". {\n forward . {$UP}\n}", [[".", ["forward . 192.0.2.1"]]]),
        ("{$UP}.nip.io {\n}", [["192.0.2.1.nip.io", []]]),
        ("(common) {\n errors\n cache {\n  keepttl\n }\n}\n. {\n import common\n loop\n}",
         [[".", ["errors", ["cache", ["keepttl"]], "loop"]]]),
        ("(a) {\n errors\n}\n(b) {\n import a\n log\n}\nx {\n import b\n}\ny {\n import b\n}",
         [["x", ["errors", "log"]], ["y", ["errors", "log"]]]),
        ("(opts) {\n keepttl\n}\n. {\n cache {\n  import opts\n }\n}", [[".", [["cache", ["keepttl"]]]]]),
        ("(whole) {\n . {\n  errors\n }\n}\nimport whole", [[".", ["errors"]]]),
    ],
)  # fmt: skip
def test_outline(text: str, outline: Outline) -> None:
    assert _outline(parse(text, "Corefile", environ={"UP": "192.0.2.1"}).server_blocks) == outline


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("}", 'f:1:1: unexpected "}": no "{" is open here'),
        (". {\n}\n}", 'f:3:1: unexpected "}": no "{" is open here'),
        ("a }", 'f:1:3: unexpected "}": no "{" is open here'),
        ("{\n}", 'f:1:1: expected a key before "{", such as ".:53" or "cluster.local"'),
        (". {\n errors\n", 'f:1:3: this "{" is never closed: write "}"'),
        (". {\n cache {\n  keepttl\n}\n", 'f:1:3: this "{" is never closed: write "}"'),
        ("(a) {\n x", 'f:1:5: this "{" is never closed: write "}"'),
        (". {\n {\n }\n}", 'f:2:2: unexpected "{": write the name of a directive or option before it'),
        (".:53\nerrors\n", 'f:2:1: expected "{" after .:53'),
        (".:53", 'f:1:1: the server block ".:53" has no directives: write them between "{" and "}"'),
        ("a, {\n}", 'f:1:4: expected a key before "{"'),
        ("a,,b {\n}", "f:1:3: this key is empty; write a zone"),
        (", {\n}", "f:1:1: this key is empty"),
        ('"" {\n}', "f:1:1: this key is empty"),
        ("a {$UNSET} {\n}", "f:1:3: this key is empty"),
        (".{\n}", 'f:1:1: ".{" needs a space before its "{"'),
        (". {\n cache{\n }\n}", 'f:2:2: "cache{" needs a space before its "{"'),
        ('. {\n ""\n}', "f:2:2: the name of a directive is empty; is an environment variable unset?"),
        (". {\n cache {\n } loop\n}", 'f:3:4: write a new line after "}"'),
        (". {\n import\n}", "f:2:2: import takes one argument, a snippet or a file, but has 0"),
        (". {\n import a b\n}", "f:2:2: import takes one argument, a snippet or a file, but has 2"),
        (". {\n import a\n}\n(a) {\n}", 'f:2:9: no snippet is named "a" (known: none so far)'),
        ("(b) {\n}\n. {\n import a\n}", 'f:4:9: no snippet is named "a" (known: b)'),
        ("(a) {\n}\n(a) {\n}", 'f:3:1: the snippet "a" is already defined'),
        ("() {\n}", "f:1:1: a snippet needs a name"),
        ("(a) {\n import a\n}\n. {\n import a\n}", "f:2:9: (a) imports itself: (a) > (a)"),
        (". {\n" + "a {\n" * 16 + "}\n" * 17, "f:17:3: blocks are nested more than 16 deep"),
        ('. {\n log "a\n}', "f:2:6: this quote is never closed"),
    ],
)
def test_says_where_and_what(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f", environ={})
    assert str(caught.value).startswith(message)


def test_snippets_that_multiply_are_stopped() -> None:
    levels = "".join(f"(s{n}) {{\n import s{n - 1}\n import s{n - 1}\n}}\n" for n in range(1, 40))
    with pytest.raises(ConfigError, match="more than 1000 imports"):
        parse(f"(s0) {{\n errors\n}}\n{levels}. {{\n import s39\n}}", "f", environ={})


def test_every_node_knows_its_place() -> None:
    (block,) = parse("\n.:53 {\n  cache {\n    success 9984\n  }\n}", "dir/f", environ={}).server_blocks
    (cache,) = block.directives
    assert cache.block is not None
    (success,) = cache.block
    places = [block.position, block.keys[0].position, cache.position, success.position, success.args[0].position]
    assert [(place.line, place.column) for place in places] == [(2, 1), (2, 1), (3, 3), (4, 5), (4, 13)]
    assert {place.source for place in places} == {"dir/f"}


FILES = {
    "/etc/coredns/common": "errors\nimport /etc/coredns/more\n",
    "/etc/coredns/more": "log\n",
    "/etc/coredns/zones/a.conf": "a {\n import ../common\n}\n",
    "/etc/coredns/zones/b.conf": "b {\n}\n",
    "/etc/coredns/zones/../common": "loop\n",
    "/etc/coredns/circle": "import circle\n",
    "/etc/coredns/broken": "cache {\n",
    "/etc/coredns/stray": "}\n",
}


def _read_files(pattern: str) -> list[tuple[str, str]]:
    if pattern.endswith("denied"):
        raise PermissionError(13, "Permission denied")
    head, star, tail = pattern.partition("*")
    return [
        (name, text)
        for name, text in sorted(FILES.items())
        if (name == pattern or (star and name.startswith(head) and name.endswith(tail)))
    ]


@pytest.mark.parametrize(
    ("text", "outline"),
    [
        (". {\n import common\n}", [[".", ["errors", "log"]]]),
        ("import zones/*.conf\n. {\n}", [["a", ["loop"]], ["b", []], [".", []]]),
        ("import none/*.conf\n. {\n}", [[".", []]]),
        ("(common) {\n ready\n}\n. {\n import common\n}", [[".", ["ready"]]]),
    ],
)
def test_files_are_imported_relative_to_the_importing_file(text: str, outline: Outline) -> None:
    corefile = parse(text, "/etc/coredns/Corefile", environ={}, read_files=_read_files)
    assert _outline(corefile.server_blocks) == outline


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (". {\n import nowhere\n}", "/etc/coredns/Corefile:2:9: no snippet and no file is named /etc/coredns/nowhere"),
        (". {\n import denied\n}", "/etc/coredns/Corefile:2:9: can't import /etc/coredns/denied: Permission denied"),
        (". {\n import circle\n}", "/etc/coredns/circle:1:8: /etc/coredns/circle imports itself"),
        (". {\n import broken\n}", '/etc/coredns/broken:1:7: this "{" is never closed'),
        (". {\n import stray\n}", '/etc/coredns/stray:1:1: unexpected "}"'),
        ('. {\n import ""\n}', '/etc/coredns/Corefile:2:9: no snippet is named ""'),
    ],
)
def test_errors_in_imported_files_name_that_file(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "/etc/coredns/Corefile", environ={}, read_files=_read_files)
    assert str(caught.value).startswith(message)
