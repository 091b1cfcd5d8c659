"""The reference pages that are made from the code: flags.md, metrics.md and limits.md. `make docs` writes them.

    tables of flags ──► flags.md      registries as the programs fill them ──► metrics.md      limits.py ──► limits.md

A test makes the pages anew and compares, so that they say what the programs do or the build is red.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from prometheus_client import CollectorRegistry, Metric

import autopath.service
import clusterdns.cli
import externaldns.flag_table
import externaldns.measurements
import externaldns.providers.privatezone.emulator.service
import externaldns.quota_metrics
import nodelocal.flags
from clusterdns import limits
from clusterdns.daemon.dns_metrics import (
    register_dns_metrics,
    register_health_metrics,
    register_listener_metrics,
    register_notify_metrics,
    register_reload_metrics,
)
from clusterdns.daemon.flags import Flag
from clusterdns.daemon.kube_metrics import register_kube_metrics
from clusterdns.daemon.metrics import new_registry, register
from clusterdns.daemon.reload import ReloadCounters
from clusterdns.daemon.self_check import SelfCheck
from clusterdns.directives.assemble import Assembly
from clusterdns.directives.parts import Parts
from clusterdns.limit import Limit
from externaldns.providers.privatezone.calls import Calls
from nodelocal.setup_errors import SetupErrors
from nodelocal.setup_metrics import setup_source

FOLDER = Path(__file__).parent
_NOTE = "<!-- Made by `make docs`; do not edit. -->\n"


class Family(NamedTuple):
    """One metric family as dashboards see it: a counter's name ends in `_total`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


def pages() -> dict[str, str]:
    """The text of each page, by file name."""
    return {"flags.md": flags_page(), "limits.md": limits_page(), "metrics.md": metrics_page()}


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")


def limits_page() -> str:
    """Every limit of clusterdns/limits.py, in its order."""
    rows = [
        (each.name, _number(each.default), _number(each.minimum), _number(each.maximum), each.unit, each.source)
        for each in vars(limits).values()
        if isinstance(each, Limit)
    ]
    return _page(
        "# Limits",
        "Every limit of the suite, from `clusterdns/limits.py`. A Corefile or a flag may set those that are an option\n"
        "there, within these bounds; the others are fixed at their default.",
        _table(("Limit", "Default", "Least", "Most", "Unit", "Source"), rows),
    )


def flags_page() -> str:
    """The flags of every program."""
    return _page(
        "# Flags",
        "nodelocal and autopath read flags as Go programs do: `-flag=value`, `-flag value` and `--flag` are the same,\n"
        "a switch is `-flag` or `-flag=false`, the last of repeated flags counts. `-help` and `-version` print and\n"
        "exit.",
        "## nodelocal",
        _table(("Flag", "Default", "Meaning"), _go_flags(nodelocal.flags.FLAGS)),
        "## autopath",
        _table(("Flag", "Default", "Meaning"), _go_flags(autopath.service.FLAGS)),
        "## externaldns",
        "`--flag=value` or `--flag value`; a switch is `--switch`, `--no-switch` or `--switch=false`. A list is the\n"
        "flag repeated, or values with commas between them. Each flag may be set by an environment variable,\n"
        "`--dry-run` by `EXTERNAL_DNS_DRY_RUN`; the command line counts more. `--help` and `--version` print and exit.",
        "`externaldns adopt [--any-value] [--apply]` and `externaldns transfer --from-owner=OWNER [--apply]` take\n"
        "records over, with the same flags behind them ([externaldns.md](externaldns.md)).",
        _table(("Flag", "Default", "Meaning"), _external_dns_flags(externaldns.flag_table.FLAGS)),
        "Flags of ExternalDNS's that are refused, and what to do instead:",
        _table(
            ("Flag", "Instead"), [(f"`--{name}`", text) for name, text in externaldns.flag_table.REFUSED_FLAGS.items()]
        ),
        "## privatezone-emulator",
        _table(
            ("Flag", "Default", "Meaning"),
            _argparse_flags(_parser_of(externaldns.providers.privatezone.emulator.service.main)),
        ),
        "## clusterdns demo",
        _table(("Flag", "Default", "Meaning"), _argparse_flags(_command(_parser_of(clusterdns.cli.main), "demo"))),
    )


def metrics_page() -> str:
    """Every metric family, under the programs that expose it."""
    exposed = families()
    sections: dict[tuple[str, ...], list[Family]] = {}
    for family in dict.fromkeys(each for program in exposed.values() for each in program):
        programs = tuple(program for program, known in exposed.items() if family in known)
        sections.setdefault(programs, []).append(family)
    parts = []
    for programs, known in sorted(sections.items(), key=lambda section: len(section[0])):
        parts += ["## " + " and ".join(", ".join(programs).rsplit(", ", 1)), _metrics(known)]
    return _page(
        "# Metrics",
        "What `/metrics` says: in nodelocal and autopath where the Corefile has `prometheus`, in nodelocal also at\n"
        "`-prometheus-listen-address`, in externaldns at `--metrics-address`. Names with `coredns_` and\n"
        "`external_dns_` are those of the programs that ours stand in for; `clusterdns_` is what only we count.",
        *parts,
        "## nodelocal, at `-metrics-listen-address`",
        "Whatever the Corefile says; beside it are the metrics of the section above.",
        _metrics(setup_families()),
    )


def families() -> dict[str, tuple[Family, ...]]:
    """The families by program, from registries that are filled as the programs fill theirs."""
    registries = {program: new_registry(program, "") for program in ("nodelocal", "autopath", "externaldns")}
    for program in ("nodelocal", "autopath"):
        register_dns_metrics(registries[program], lambda: Assembly({}, Parts()), list)
        register_health_metrics(registries[program], SelfCheck(list))
        register_listener_metrics(registries[program], dict)
        register_notify_metrics(registries[program], Counter())
        register_reload_metrics(registries[program], ReloadCounters(""))
        register_kube_metrics(registries[program], list, list)
    externaldns.measurements.export(registries["externaldns"], externaldns.measurements.Measurements())
    externaldns.quota_metrics.export_calls(registries["externaldns"], Calls())
    externaldns.quota_metrics.export_webhook(registries["externaldns"], None)
    externaldns.quota_metrics.export_requests(registries["externaldns"], [])
    externaldns.quota_metrics.export_propagation(registries["externaldns"], None, None)
    return {program: tuple(_families(registry)) for program, registry in registries.items()}


def setup_families() -> Iterable[Family]:
    """Those of the page that nodelocal has besides."""
    registry = CollectorRegistry()
    register(registry, setup_source(SetupErrors(), int))
    return _families(registry)


def _metrics(known: Iterable[Family]) -> str:
    rows = [
        (f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.help)
        for each in sorted(known)
    ]
    return _table(("Name", "Type", "Labels", "Meaning"), rows)


def _families(registry: CollectorRegistry) -> Iterator[Family]:
    for metric in registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        yield Family(name, metric.type, _labels(metric), metric.documentation)


def _labels(metric: Metric) -> tuple[str, ...]:
    """The label names; a family without samples yet knows them by an attribute that has no public name.

    `le`, the bound of a histogram's bucket, is every histogram's.
    """
    samples = [name for sample in metric.samples for name in sample.labels if name != "le"]
    return tuple(dict.fromkeys(samples)) or tuple(getattr(metric, "_labelnames", ()))


def _go_flags(table: Iterable[Flag]) -> Iterator[Sequence[str]]:
    for flag in sorted(table, key=lambda flag: flag.name):
        value = {"switch": "", "text": "=TEXT", "integer": "=NUMBER", "seconds": "=DURATION"}[flag.kind]
        meaning = flag.help
        if flag.limit is not None:
            meaning += f"; {_number(flag.limit.minimum)} to {_number(flag.limit.maximum)}"
        yield f"`-{flag.name}{value}`", _default(flag.default), meaning


_EXTERNAL_DNS_VALUES = {
    "switch": "", "text": "=TEXT", "template": "=TEXT", "list": "=LIST", "seconds": "=DURATION", "integer": "=NUMBER",
}  # fmt: skip


def _external_dns_flags(table: Iterable[externaldns.flag_table.Flag]) -> Iterator[Sequence[str]]:
    for flag in table:
        value = _EXTERNAL_DNS_VALUES[flag.kind]
        meaning = flag.help
        if flag.choices:
            meaning += ": " + ", ".join(f"`{choice}`" for choice in flag.choices)
        if flag.refused:
            meaning += "; refused: " + ", ".join(f"`{choice}`" for choice in flag.refused)
        if flag.no_effect:
            meaning += f"; no effect: {flag.no_effect}"
        default = ",".join(flag.default) if isinstance(flag.default, tuple) else flag.default
        yield f"`--{flag.name}{value}`", _default(default), meaning


def _argparse_flags(parser: ArgumentParser) -> Iterator[Sequence[str]]:
    for action in parser._actions:
        if action.default == SUPPRESS:  # --help
            continue
        value = "" if action.nargs == 0 else f"={action.metavar}"
        required = " (required)" if action.required else ""
        default = action.default if isinstance(action.default, str | bool) else ""
        yield f"`{action.option_strings[-1]}{value}`", _default(default), _help(action.help, parser) + required


def _help(text: str | None, parser: ArgumentParser) -> str:
    """An option's help without the default, which has a column of its own."""
    return (text or "").replace(" (default: %(default)s)", "") % {"prog": parser.prog}


def _parser_of(main: Callable[[Sequence[str]], int]) -> ArgumentParser:
    """The parser that a program makes for its command line, taken as it is about to read it."""
    found: list[ArgumentParser] = []

    def take(parser: ArgumentParser, *_: Any) -> None:
        found.append(parser)
        raise SystemExit

    with patch.object(ArgumentParser, "parse_args", take), suppress(SystemExit):
        main([])
    return found[0]


def _command(parser: ArgumentParser, name: str) -> ArgumentParser:
    """The parser of one of the commands of `parser`."""
    commands = next(action.choices for action in parser._actions if isinstance(action.choices, dict))
    command = commands[name]
    assert isinstance(command, ArgumentParser)
    return command


def _default(value: str | float | bool) -> str:
    """A default as it would be written on the command line; nothing for what is off or empty."""
    if value in ("", False) and not isinstance(value, float):
        return ""
    if isinstance(value, bool):
        return "`true`"
    return f"`{value:g}s`" if isinstance(value, float) else f"`{value}`"


def _number(value: float) -> str:
    """Digits without an exponent, to be copied into a Corefile."""
    return str(int(value)) if value == int(value) else str(value)


def _page(*parts: str) -> str:
    return "\n\n".join([_NOTE.strip(), *parts]) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
