"""What a Corefile sets and nothing here does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from clusterdns.corefile.lexer import Position
from clusterdns.corefile.parse import parse
from clusterdns.directives.config.ignored import NO_EFFECT
from clusterdns.directives.config.no_effect import without_effect
from clusterdns.directives.config.server import STANDARD, ServerConfig, load


@dataclass(frozen=True)
class Config:
    works: int = 1
    only_read: int = field(default=2, metadata=NO_EFFECT)
    only_read_list: list[int] = field(default_factory=list, metadata=NO_EFFECT)


def block(directives: Mapping[str, tuple[Any, ...]]) -> ServerConfig:
    return ServerConfig((), directives, Position("Corefile", 1, 1))


@pytest.mark.parametrize(
    ("blocks", "texts"),
    [
        ([{"forward": (Config(),)}], ()),
        ([{"forward": (Config(works=9),)}], ()),
        ([{"forward": (Config(only_read=9),)}], ("forward: only_read",)),
        ([{"forward": (Config(1, 9, [9]),)}], ("forward: only_read", "forward: only_read_list")),
        (
            [{"forward": (Config(only_read=9), Config(only_read=8))}, {"forward": (Config(1, 7),)}],
            ("forward: only_read",),
        ),
        (
            [{"forward": (Config(only_read=9),)}, {"cache": (Config(only_read=9),)}],
            ("forward: only_read", "cache: only_read"),
        ),
    ],
)
def test_options_that_are_not_at_their_default(blocks: list[Mapping[str, Any]], texts: tuple[str, ...]) -> None:
    assert without_effect([block(directives) for directives in blocks]) == texts


def test_directives_that_mean_nothing_here() -> None:
    text = ". {\n debug\n pprof :6060\n errors\n}\na.example {\n debug\n trace\n}\n"
    assert without_effect(load(parse(text, "Corefile", environ={}), STANDARD)) == ("debug", "pprof", "trace")
