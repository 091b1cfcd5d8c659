"""Command-line flags as Go's `flag` package reads them, for the programs that stand in for node-cache and CoreDNS.

`-flag=value`, `-flag value` and `--flag` are the same; a switch is `-flag` or `-flag=false`; the last of repeated flags
counts. A program declares a table of `Flag` rows. Grammar: https://pkg.go.dev/flag#hdr-Command_line_flag_syntax.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from clusterdns import duration
from clusterdns.errors import ConfigError
from clusterdns.limit import Limit

Kind = Literal["text", "integer", "switch", "seconds"]

# https://pkg.go.dev/strconv#ParseBool
_SWITCHES = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)


@dataclass(frozen=True, slots=True)
class Flag:
    """One row of a program's table: `name` without dashes, `default` of the kind's type, `limit` for numbers."""

    name: str
    kind: Kind
    default: str | int | float | bool
    help: str
    limit: Limit | None = None


class Flags:
    """What a command line says: a value for every row of the table, and `given`, the names that were on it.

    `answer` is the text of -help or -version, to be printed instead of running; empty otherwise.
    """

    def __init__(self, table: Iterable[Flag]) -> None:
        self.given: set[str] = set()
        self.answer = ""
        self._values: dict[str, str | int | float | bool] = {flag.name: flag.default for flag in table}

    def text(self, name: str) -> str:
        return str(self._values[name])

    def integer(self, name: str) -> int:
        return int(self._values[name])

    def switch(self, name: str) -> bool:
        return bool(self._values[name])

    def seconds(self, name: str) -> float:
        return float(self._values[name])

    def put(self, name: str, value: str | int | float | bool) -> None:
        self.given.add(name)
        self._values[name] = value


def parse(table: Sequence[Flag], arguments: Sequence[str], *, program: str, version: str) -> Flags:
    """Read `arguments` (without the program's name); ConfigError names the flag and what to write instead.

    A table may have its own `version`, `help` or `h` row; otherwise those three ask for `Flags.answer`.
    """
    rows = {flag.name: flag for flag in table}
    flags = Flags(table)
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--" and not rest:
            break
        if not argument.startswith("-") or argument in ("-", "--"):
            raise ConfigError(f'unexpected argument "{argument}": {program} takes flags only' + _after(argument, flags))
        name, has_value, value = argument.removeprefix("-").removeprefix("-").partition("=")
        row = rows.get(name)
        if row is None:
            if name in ("help", "h"):
                flags.answer = usage(table, program)
                return flags
            if name == "version":
                flags.answer = f"{program} {version}\n"
                return flags
            raise ConfigError(f"unknown flag -{name}" + _nearest(name, rows))
        if not has_value:
            if row.kind == "switch":
                value = "true"
            elif rest:
                value = rest.pop(0)
            else:
                raise ConfigError("needs a value", source=f"-{name}")
        flags.put(name, _read(row, value))
    return flags


def usage(table: Iterable[Flag], program: str) -> str:
    """The text of -help: each flag, its default and its help."""
    lines = [f"Usage of {program}:"]
    for flag in sorted(table, key=lambda flag: flag.name):
        kind = (
            "" if flag.kind == "switch" else {"text": " TEXT", "integer": " NUMBER", "seconds": " DURATION"}[flag.kind]
        )
        default = "" if flag.default in ("", False) else f" (default {_show(flag)})"
        lines.append(f"  -{flag.name}{kind}\n        {flag.help}{default}")
    return "\n".join(lines) + "\n"


def _read(row: Flag, value: str) -> str | int | float | bool:
    where = f"-{row.name}"
    if row.kind == "text":
        return value
    if row.kind == "switch":
        if value not in _SWITCHES:
            raise ConfigError(f'"{value}" is neither true nor false', source=where)
        return _SWITCHES[value]
    number: int | float
    if row.kind == "integer":
        # int() alone would also take "1_000", " 5" and digits of other scripts.
        if not (value.isascii() and value.removeprefix("-").isdigit()) or len(value) > 19:
            raise ConfigError(f'"{value}" is not a whole number', source=where)
        number = int(value)
    else:
        try:
            number = duration.seconds(value, bare=True)
        except ConfigError as error:
            raise ConfigError(error.message, source=where) from None
    if row.limit is not None:
        row.limit.check(number, where=where)
    return number


def _show(flag: Flag) -> str:
    if flag.kind == "seconds":
        return f"{flag.default:g}s"
    return "true" if flag.default is True else str(flag.default)


def _nearest(name: str, rows: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, rows, n=1)
    return f"; did you mean -{near[0]}?" if near else ""


def _after(argument: str, flags: Flags) -> str:
    if argument in _SWITCHES and flags.given:
        return f" (a switch takes its value with an equals sign, as in -flag={argument})"
    return ""
