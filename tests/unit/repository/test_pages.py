"""What README and the pages say can be followed: links lead somewhere, commands exist, command lines are understood."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import PurePosixPath

import pytest

import autopath.service
import externaldns.flags
import nodelocal.flags
from clusterdns import __version__
from clusterdns.daemon import flags
from clusterdns.errors import ConfigError
from externaldns.providers.privatezone.emulator.flags import parse_flags
from externaldns.takeover_command import COMMANDS, read_request
from tests.unit.repository import markdown, tree

PAGES = [path for path in tree.files() if path.suffix == ".md"]
PROMISED = {"help", "setup", "demo", "test", "check", "bench", "docs"}
PROGRAMS = set(tree.project()["project"]["scripts"])


def targets(makefile: str) -> dict[str, bool]:
    """The Makefile's targets that are names and no files; True for those that `make help` lists."""
    return {name: "## " in rest for name, rest in re.findall(r"^([a-z-]+):(.*)$", makefile, flags=re.MULTILINE)}


def asked_targets(page: str) -> set[str]:
    """The targets that a page's code tells to make."""
    return {name for line in markdown.code(page) for name in re.findall(r"(?:^|[;&] ?)make ([a-z-]+)", line)}


def broken_links(path: PurePosixPath, page: str, known: Iterable[str]) -> list[str]:
    """The links of a page that lead to nothing in the tree."""
    existing = set(known)
    inside = [link.partition("#")[0] for link in markdown.links(page) if "://" not in link and not link.startswith("#")]
    return [link for link in inside if str(_normal(path.parent / link)) not in existing]


def command_lines(page: str) -> list[list[str]]:
    """The command lines of our programs in indented code; what is optional is written out."""
    lines = "\n".join(markdown.indented(page)).replace("\\\n", " ").splitlines()
    return [shlex.split(re.sub(r"[\[\]]", "", line), comments=True) for line in lines if _is_command(line)]


def understand(line: list[str]) -> None:
    """Read a command line with the program's own flags; ConfigError if it would not start."""
    program, *arguments = line
    if program == "externaldns":
        webhook = arguments[0] == "webhook"
        if arguments[0] in COMMANDS:
            _, arguments = read_request(arguments)
        externaldns.flags.parse(arguments[webhook:], {}, webhook=webhook)
        return
    if program == "privatezone-emulator":
        parse_flags(arguments)
        return
    table = {"nodelocal": nodelocal.flags.FLAGS, "autopath": autopath.service.FLAGS}[program]
    flags.parse(table, arguments, program=program, version=__version__)


def _is_command(line: str) -> bool:
    return re.match(rf"(?:{'|'.join(PROGRAMS)}) +(?:-|{'|'.join(COMMANDS)}|webhook )", line) is not None


def _normal(path: PurePosixPath) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def test_promised_targets() -> None:
    found = targets(tree.text("Makefile"))
    assert {name for name, in_help in found.items() if in_help} >= PROMISED


def test_targets_are_no_files() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", tree.text("Makefile"), flags=re.MULTILINE)
    assert phony is not None
    assert sorted(phony[1].split()) == sorted(targets(tree.text("Makefile")))


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_commands_are_targets(path: PurePosixPath) -> None:
    assert asked_targets(tree.text(path)) - set(targets(tree.text("Makefile"))) == set()


def test_readme_has_the_two_commands() -> None:
    assert {"demo", "test", "bench", "help"} <= asked_targets(tree.text("README.md"))


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_links(path: PurePosixPath) -> None:
    known = [str(each) for file in tree.files() for each in (file, *file.parents)]
    assert broken_links(path, tree.text(path), known) == []


def test_readme_starts_every_program() -> None:
    assert {line[0] for line in command_lines(tree.text("README.md"))} == PROGRAMS - {"clusterdns"}


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_command_lines(path: PurePosixPath) -> None:
    for line in command_lines(tree.text(path)):
        understand(line)


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("    make demo   # make nothing else\n", {"demo"}),
        ("Run `make x-y ARGS=1` or make it.", {"x-y"}),
        ("```\nmake a && make b\n```\n", {"a", "b"}),
        ("it makes an interface", set()),
    ],
)
def test_the_check_of_commands_sees(page: str, found: set[str]) -> None:
    assert asked_targets(page) == found


@pytest.mark.parametrize(
    ("page", "broken"),
    [
        ("[a](b.md) [b](../README.md#c) [c](#d) [d](https://gone.example)", []),
        ("[a](gone.md) [b](../docs)", ["gone.md"]),
        ("[a](../../docs/b.md)", ["../../docs/b.md"]),
    ],
)
def test_the_check_of_links_sees(page: str, broken: list[str]) -> None:
    assert broken_links(PurePosixPath("docs/a.md"), page, ["docs", "docs/b.md", "README.md"]) == broken


@pytest.mark.parametrize("line", ["nodelocal -config C", "autopath -localip ::1", "externaldns --source=pod --once"])
def test_the_check_of_command_lines_sees(line: str) -> None:
    (words,) = command_lines(f"    {line}   # why\n")
    with pytest.raises(ConfigError):
        understand(words)
