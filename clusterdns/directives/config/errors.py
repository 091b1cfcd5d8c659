"""`errors { consolidate DURATION REGEXP [LEVEL] [show_first]; stacktrace }`: errors of queries go to the log."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config.pattern import Pattern, pattern
from clusterdns.limits import ERRORS_CONSOLIDATE_SECONDS

_LEVELS = ("warning", "error", "info", "debug")


@dataclass(frozen=True, slots=True)
class Consolidate:
    """Errors that match `pattern` (searched, not anchored) are counted for `seconds`, then told in one line."""

    seconds: float
    pattern: Pattern
    level: str = "error"
    show_first: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """The first of `consolidate` that matches an error counts; `stacktrace` adds tracebacks to bugs."""

    consolidate: tuple[Consolidate, ...] = ()
    stacktrace: bool = False


def parse(directive: Directive) -> Config:
    """Read one `errors`; ConfigError with its place on anything else."""
    # CoreDNS takes, and ignores, "stdout": old Corefiles have it.
    for token in reading.arguments(directive, 0, 1):
        reading.keyword(token, ("stdout",), "log file")
    consolidate: list[Consolidate] = []
    stacktrace = False
    for option in reading.options(directive, ("consolidate", "stacktrace")):
        if option.name == "stacktrace":
            stacktrace = reading.flag(option)
        else:
            consolidate.append(_consolidate(option))
    return Config(tuple(consolidate), stacktrace)


def _consolidate(option: Directive) -> Consolidate:
    length, expression, *rest = reading.arguments(option, 2, 4)
    level, show_first = "error", False
    for position, token in enumerate(rest):
        if position == 0 and token.text != "show_first":
            level = reading.keyword(token, _LEVELS, "level")
        else:
            reading.keyword(token, ("show_first",), "option of consolidate")
            show_first = True
    return Consolidate(reading.seconds(length, ERRORS_CONSOLIDATE_SECONDS), pattern(expression), level, show_first)
