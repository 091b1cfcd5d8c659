"""`log [NAMES...] [FORMAT] { class CLASS...; minDuration DURATION }`: a line on the log for each query."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.limits import LOG_MINIMUM_SECONDS

_CLASSES = ("all", "success", "denial", "error")


@dataclass(frozen=True, slots=True)
class Config:
    """Queries for names at or below `zones` whose answer is of one of `classes`, or took longer than `slow` seconds.

    `format` has CoreDNS's placeholders, such as `{name}` or `{common}`; `slow` is None if time does not matter.
    Several `log` lines of a block each log for themselves.
    """

    zones: tuple[str, ...] = (".",)
    format: str = "{common}"
    classes: frozenset[str] = frozenset({"all"})
    slow: float | None = None


def parse(directive: Directive) -> Config:
    """Read one `log`; ConfigError with its place on anything else."""
    names = list(directive.args)
    format = "{common}"
    # As in CoreDNS: the last word is the format if it has a placeholder.
    if names and "{" in names[-1].text:
        format = names.pop().text
    classes: set[str] = set()
    slow = None
    for option in reading.options(directive, ("class", "minDuration")):
        if option.name == "class":
            classes.update(reading.keyword(token, _CLASSES, "class") for token in reading.arguments(option, 1))
        else:
            (token,) = reading.arguments(option, 1, 1)
            slow = reading.seconds(token, LOG_MINIMUM_SECONDS)
    return Config(reading.zones(names) or (".",), format, frozenset(classes) or frozenset({"all"}), slow)
