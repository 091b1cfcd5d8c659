"""Any text is a configuration or a ConfigError with a place, and nothing else."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from clusterdns.corefile.parse import parse
from clusterdns.directives.config.server import STANDARD, load
from clusterdns.errors import ConfigError

# Words that reach deep: names and values of every directive, and what goes wrong around them.
_WORDS = [
    "{", "}", '"', "\\", "#", ",", "\n", "(", ")", "import", "snippet", "(snippet)", ".", ".:53", ":53",
    "a.example", "cluster.local", "10.0.0.0/8", "fd00::/8", "2001:db8::/32:53", "dns://", "tls://9.9.9.9%x:853",
    "127.0.0.1", "::1", "[::1]:53", ":9153", "localhost:80", "/etc/resolv.conf", "@kubernetes", "{$V}", "{%V%}",
    "{common}", "0", "30", "9984", "-1", "1s", "5m", "10%", "1h0.5s", "verify", "immediate", "success",
    "denial", "prefetch", "serve_stale", "serve_stale_policy", "prefer_positive", "servfail", "disable",
    "keepttl", "ttl", "no_reverse", "reload", "fallthrough", "trusted", "lameduck", "monitor", "continuously",
    "consolidate", "^a.*$", "[[a", "class", "minDuration", "except", "force_tcp", "expire", "max_fails", "tls",
    "tls_servername", "policy", "random", "health_check", "no_rec", "domain", "failover", "NXDOMAIN", "next",
    "client_subnet", "max_concurrent", "stop", "continue", "name", "type", "rcode", "cname", "regex", "suffix",
    "answer", "auto", "value", "(.*)", "{1}.x", "30-300", "IN", "ANY", "AAAA", "match", "authority", "ederror",
    '"{{ .Name }} 60 IN A 10.0.0.1"', '"{{ index .Match 1 }}"', "allow", "block", "net", "*", "prefer", "512",
    "64:ff9b::/96", "prefix", "translate_all", "localhost_prefix", "off", "weighted", "round_robin",
]  # fmt: skip

_SOUP = st.lists(st.one_of(st.sampled_from([*_WORDS, *STANDARD]), st.text(max_size=6)), max_size=40).map(" ".join)
_LINE = st.builds(
    lambda name, words: " ".join([name, *words]),
    st.sampled_from(list(STANDARD)),
    st.lists(st.sampled_from([word for word in _WORDS if word not in '{}"#(),\n']), max_size=4),
)
_OPTION_LINE = st.lists(st.sampled_from([word for word in _WORDS if word not in '{}"#(),\n']), min_size=1, max_size=4)
_DIRECTIVE = st.builds(
    lambda line, block: line if block is None else f"{line} {{\n" + "\n".join(map(" ".join, block)) + "\n}",
    _LINE,
    st.none() | st.lists(_OPTION_LINE, max_size=3),
)
_SHAPED = st.lists(_DIRECTIVE, max_size=4).map(lambda lines: ". {\n" + "\n".join(lines) + "\n}")


def _loads_or_refuses(text: str) -> None:
    def read_files(pattern: str) -> list[tuple[str, str]]:
        return [(pattern, text)]

    refusal = None
    try:
        load(parse(text, "Corefile", environ={"V": text[:8]}, read_files=read_files), STANDARD)
    except ConfigError as error:
        refusal = error
    assert refusal is None or (refusal.line >= 1 and refusal.column >= 1 and refusal.source)


@given(st.text())
@example("\ufeff")
@example('"')
@example("{" * 2000)
@example("a { " * 2000)
@example("a {\n" + "b {\n" * 40)
@example("import x")
@example(". {\n import x\n}")
def test_any_text(text: str) -> None:
    _loads_or_refuses(text)


@given(_SOUP)
@settings(max_examples=300)
def test_soup_of_words(text: str) -> None:
    _loads_or_refuses(text)


@given(_SHAPED)
@settings(max_examples=300)
def test_directives_with_any_arguments(text: str) -> None:
    _loads_or_refuses(text)
