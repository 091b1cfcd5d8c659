"""docs/corefile.md and the parsers agree: directives, options, what is refused, defaults and every example."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

import pytest

import autopath.service
import nodelocal.service
from autopath.clusters import Clusters
from clusterdns.corefile import reading
from clusterdns.corefile.parse import parse
from clusterdns.corefile.tree import Directive
from clusterdns.directives import forward
from clusterdns.directives.chain import ORDER, Reply, Request
from clusterdns.directives.config import forward as forward_config
from clusterdns.directives.config import kubernetes as kubernetes_config
from clusterdns.directives.config.absent import INSTEAD
from clusterdns.directives.config.server import REPEATABLE, Parser, load
from clusterdns.errors import ConfigError
from tests.unit.repository import markdown, tree

KNOWN = autopath.service.DIRECTIVES
PAGE = tree.text("docs/corefile.md")
SECTIONS = markdown.sections(PAGE)
EXAMPLES = markdown.fenced(PAGE, "corefile")


def directive_of(text: str) -> Directive:
    """The one directive that `text` is."""
    (block,) = parse(f". {{\n{text}\n}}\n", "Corefile", environ={}).server_blocks
    (directive,) = block.directives
    return directive


def config_of(text: str) -> object:
    """What its parser makes of the one directive that `text` is."""
    directive = directive_of(text)
    return KNOWN[directive.name](directive)


def named(section: str, phrase: str) -> set[str]:
    """The words in code behind `phrase:`, up to the end of the sentence."""
    match = re.search(rf"^{phrase}: (.*?)\.\n", section, flags=re.MULTILINE | re.DOTALL)
    return set(markdown.spans(match[1])) if match else set()


def options(section: str) -> dict[str, str]:
    """The options of a section's table, by name, with the cell of their default."""
    return {cells[0].strip("`").split()[0]: cells[1] for cells in markdown.rows(section)}


def is_part(example: str) -> bool:
    """True for a directive, False for a whole Corefile."""
    return example.split()[0] in KNOWN


def loads(example: str, known: Mapping[str, Parser]) -> bool:
    """Load an example as a program that knows these directives would; a directive stands in a block of its own."""
    text = f". {{\n{example}\n}}\n" if is_part(example) else example
    return bool(load(parse(text, "Corefile", environ={}), known))


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """What the parsers that run in the test know: their options, and those that they refuse by name."""
    seen: dict[str, set[str]] = {"known": set(), "refused": set()}

    def record(directive: Directive, known: Collection[str], *, refused: Collection[str] = ()) -> Iterator[Directive]:
        seen["known"] |= set(known)
        seen["refused"] |= set(refused)
        return iter(())

    monkeypatch.setattr(reading, "options", record)
    return seen


def test_every_directive_has_a_section_and_the_other_way_round() -> None:
    assert sorted(SECTIONS) == sorted(KNOWN)
    assert list(SECTIONS) == sorted(SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_options(name: str, asked_for: dict[str, set[str]]) -> None:
    (example,) = markdown.fenced(SECTIONS[name], "corefile")
    with suppress(ConfigError):  # without its options, an example may lack one that is needed
        KNOWN[name](directive_of(example))
    assert set(options(SECTIONS[name])) == asked_for["known"]
    assert named(SECTIONS[name], "Refused") == asked_for["refused"]


def test_directives_that_are_refused_by_name() -> None:
    introduction = PAGE.partition("\n## ")[0]
    assert named(introduction, "Directives of CoreDNS that are refused by name") == set(INSTEAD) - set(KNOWN)


def test_the_introduction() -> None:
    introduction = PAGE.partition("\n## ")[0]
    (only_autopath,) = re.findall(r"nodelocal all but ([^.]*)\.", introduction)
    assert set(markdown.spans(only_autopath)) == set(KNOWN) - set(nodelocal.service.DIRECTIVES)
    (order,) = re.findall(r"in this one: ([^.]*)\.", introduction)
    assert tuple(markdown.spans(order)) == ORDER
    (repeatable,) = re.findall(r"^(.*) may be there several\stimes", introduction, flags=re.MULTILINE)
    assert set(markdown.spans(repeatable)) == REPEATABLE


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_loads(example: str) -> None:
    assert loads(example, KNOWN)
    if not any(name in example for name in set(KNOWN) - set(nodelocal.service.DIRECTIVES)):
        assert loads(example, nodelocal.service.DIRECTIVES)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_one_example_of_its_own(name: str) -> None:
    (example,) = markdown.fenced(SECTIONS[name], "corefile")
    assert directive_of(example).name == name


def test_there_are_whole_corefiles_too() -> None:
    assert len([example for example in EXAMPLES if not is_part(example)]) == 3


@pytest.mark.parametrize(
    ("name", "option", "default"),
    [
        (name, option, cell.strip("`"))
        for name, section in SECTIONS.items()
        for option, cell in options(section).items()
        if cell.startswith("`")
    ],
)
def test_writing_a_default_changes_nothing(name: str, option: str, default: str) -> None:
    words = {"forward": "forward . 192.0.2.1", "kubernetes": "kubernetes cluster.local"}.get(name, name)
    assert config_of(f"{words} {{\n{option} {default}\n}}") == config_of(words)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_option_has_a_default(name: str) -> None:
    cells = options(SECTIONS[name]).values()
    assert [cell for cell in cells if cell not in ("off", "none") and not re.fullmatch(r"`[^`]+`", cell)] == []


@pytest.mark.parametrize(
    ("name", "same"),
    [
        (name, match[1])
        for name, section in SECTIONS.items()
        if (match := re.search(r"Alone it is\s`([^`]+)`", section)) is not None
    ],
)
def test_a_directive_alone(name: str, same: str) -> None:
    assert same.split()[0] == name
    assert config_of(same) == config_of(name)


def test_directives_with_a_meaning_alone() -> None:
    alone = {name for name, section in SECTIONS.items() if "Alone it is" in section}
    assert alone == {"health", "hosts", "log", "prometheus", "ready", "reload"}


_ARGUMENTS = {
    "except": "a.example", "policy": "sequential", "expire": "1m", "max_age": "1m", "max_fails": "7",
    "max_concurrent": "7", "max_idle_conns": "7", "max_connect_attempts": "7", "read_timeout": "1s",
    "health_check": "5s", "tls": "ca.pem", "tls_servername": "a.example", "source_address": "192.0.2.9",
    "failover": "SERVFAIL", "next": "SERVFAIL", "resolver": "192.0.2.8",
}  # fmt: skip
"""Something other than the default, for each option of `forward` that takes arguments."""


@pytest.mark.parametrize("option", options(SECTIONS["forward"]))
def test_forward_tells_what_has_no_effect(option: str, caplog: pytest.LogCaptureFixture) -> None:
    config = config_of(f"forward . 192.0.2.1 {{\n{option} {_ARGUMENTS.get(option, '')}\n}}")
    assert isinstance(config, forward_config.Config)
    assert config != config_of("forward . 192.0.2.1")

    async def build() -> None:
        await forward.build(config, _nobody).forwarder.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(build())
    assert ("no effect yet" in caplog.text) is (option in named(SECTIONS["forward"], "No effect yet"))


@pytest.mark.parametrize("name", SECTIONS)
def test_what_has_no_effect_is_an_option(name: str) -> None:
    assert named(SECTIONS[name], "No effect yet") <= set(options(SECTIONS[name]))


@pytest.mark.parametrize("option", options(SECTIONS["kubernetes"]))
def test_what_kubernetes_does_not_refuse(option: str) -> None:
    words = {
        "manifests": "cluster/", "kubeconfig": "config", "namespaces": "shop", "pods": "verified", "ttl": "30",
        "ignore": "empty_service", "startup_timeout": "1s", "endpoint": "https://192.0.2.1", "tls": "cert key ca",
        "labels": "a=b", "namespace_labels": "a=b", "apiserver_qps": "5", "apiserver_burst": "10",
        "apiserver_max_inflight": "2", "multicluster": "cluster.local",
    }  # fmt: skip
    config = config_of(f"kubernetes cluster.local {{\n{option} {words.get(option, '')}\n}}")
    assert isinstance(config, kubernetes_config.Config)
    Clusters().source_for(config)


@pytest.mark.parametrize("name", [name for name in SECTIONS if "Accepted without effect" in SECTIONS[name]])
def test_what_is_accepted_without_effect_has_no_handler(name: str) -> None:
    assert name not in ORDER
    assert KNOWN[name](directive_of(name)) == type(KNOWN[name](directive_of(name)))()


@pytest.mark.parametrize("ours", re.findall(r"`(\w+)` of\s`(\w+)`", PAGE.partition("\n## ")[0]))
def test_what_is_ours_is_marked(ours: tuple[str, str]) -> None:
    option, name = ours
    (meaning,) = [cells[2] for cells in markdown.rows(SECTIONS[name]) if cells[0].startswith(f"`{option}")]
    assert meaning.startswith("Ours. ")


def test_nothing_else_is_ours() -> None:
    assert PAGE.count("| Ours. ") == len(re.findall(r"`(\w+)` of\s`(\w+)`", PAGE.partition("\n## ")[0])) == 7


def _directives_in_prose(page: str) -> list[str]:
    return [span for span in markdown.spans(page) if "{" in span and span.split()[0] in KNOWN]


def test_directives_in_readme_load() -> None:
    found = _directives_in_prose(tree.text("README.md"))
    assert found
    for span in found:
        assert config_of(span)


def test_a_wrong_directive_in_prose_is_seen() -> None:
    (span,) = _directives_in_prose("Write `kubernetes cluster.local { manifest DIR }` there.")
    with pytest.raises(ConfigError, match="manifests"):
        config_of(span)


async def _nobody(request: Request) -> Reply:
    raise AssertionError("nothing is asked")
