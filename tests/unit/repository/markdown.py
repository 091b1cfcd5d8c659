"""As much Markdown as our pages are written in: code, links, sections and the first column of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)


def fenced(page: str, language: str) -> list[str]:
    """The text of each ```language block."""
    return [match[2] for match in _FENCE.finditer(page) if match[1] == language]


def indented(page: str) -> list[str]:
    """The lines of indented code, without their indentation."""
    return [line[4:] for match in _INDENTED.finditer(_FENCE.sub("", page)) for line in match[0].splitlines()]


def spans(page: str) -> list[str]:
    """The text of each `span` in prose, on one line each."""
    return [" ".join(match[1].split()) for match in _SPAN.finditer(_INDENTED.sub("\n", _FENCE.sub("", page)))]


def code(page: str) -> list[str]:
    """Every line of code, wherever it stands."""
    return [*indented(page), *spans(page), *(line for match in _FENCE.finditer(page) for line in match[2].splitlines())]


def links(page: str) -> list[str]:
    """The targets of all links."""
    return _LINK.findall(_FENCE.sub("", page))


def sections(page: str) -> dict[str, str]:
    """The text below each `## heading`, by heading."""
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in re.split(r"^## ", page, flags=re.M)[1:]}


def rows(page: str) -> Iterator[list[str]]:
    """The cells of each table row, heads and rules left out."""
    for match in _ROW.finditer(page):
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", match[1])]
        if cells[0].startswith("`"):
            yield cells
