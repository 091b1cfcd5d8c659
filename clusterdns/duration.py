"""Durations as Go programs write them: "5s", "1m30s", "200ms". Flags and Corefiles share this one reader.

Grammar: https://pkg.go.dev/time#ParseDuration (a sequence of decimal numbers, each with a unit, no spaces). Nothing
that this suite waits for is negative, so a sign is refused.
"""

from __future__ import annotations

import re

from clusterdns.errors import ConfigError

_UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,  # micro sign
    "\u03bcs": 1e-6,  # Greek letter mu; Go reads both
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_BARE = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")

# Go counts nanoseconds in 64 bits with a sign; what does not fit there is refused, as Go does.
_LONGEST_SECONDS = (2**63 - 1) / 1e9


def seconds(text: str, *, bare: bool = False) -> float:
    """Return the seconds that `text` means; ConfigError (without a place) on anything else.

    A number without a unit is refused, except "0", as Go does; with `bare` it counts seconds
    (node-cache's documented `-syncinterval=60`).
    """
    if text == "0" or (bare and _BARE.fullmatch(text)):
        return _bounded(text, float(text))
    total, position = 0.0, 0
    while match := _PART.match(text, position):
        total += float(match[1]) * _UNIT_SECONDS[match[2]]
        position = match.end()
    if not text or position != len(text):
        raise ConfigError(f'"{text}" is not a duration: write a number with its unit, such as 30s, 1m30s or 200ms')
    return _bounded(text, total)


def _bounded(text: str, value: float) -> float:
    if value > _LONGEST_SECONDS:
        raise ConfigError(f'the duration "{text}" is longer than 292 years')
    return value
