"""The weight file of `loadbalance weighted`: how likely each address of a name is to come first.

    # a comment
    www.example.com
    192.0.2.1 3
    2001:db8::1 1

It is read again when it has changed, looked at no more often than `reload` says; one that can't be read, or has
anything wrong in it, keeps the weights as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from clusterdns.directives.followed_file import FollowedFile
from clusterdns.limits import LOADBALANCE_WEIGHT
from clusterdns.wire.names import name_from_text

_log = logging.getLogger(__name__)

Weights = Mapping[bytes, Mapping[bytes, int]]
"""By folded wire name and packed address."""


def read_weights(text: str) -> Weights:
    """Raises ValueError that names the line, counted from 1."""
    weights: dict[bytes, dict[bytes, int]] = {}
    of_name: dict[bytes, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        try:
            if len(words) == 1:
                of_name = weights.setdefault(name_from_text(words[0]).lower(), {})
            elif len(words) == 2 and of_name is not None:
                of_name[ip_address(words[0]).packed] = _weight(words[1])
            elif words:
                raise ValueError("write a name, or behind one an address and its weight")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return weights


class WeightFile:
    """The weights of one file. `reload_seconds` 0 is for never again."""

    def __init__(self, path: Path, reload_seconds: float) -> None:
        self._path = path
        self._followed = FollowedFile(path, reload_seconds, "loadbalance")
        self._weights: Weights = {}

    def look(self, now: float) -> None:
        """Read the file if it is time to, and it has changed."""
        text = self._followed.new_text(now)
        if text is None:
            return
        try:
            self._weights = read_weights(text)
        except ValueError as error:
            _log.warning("loadbalance: %s is wrong, its last weights stay: %s", self._path, error)

    def of(self, owner: bytes, address: bytes) -> int:
        """The weight of a record: 1 where the file says nothing. `owner` is a folded wire name."""
        return self._weights.get(owner, {}).get(address, LOADBALANCE_WEIGHT.default_int)


def _weight(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise ValueError(f'"{word}" is no weight')
    least, most = int(LOADBALANCE_WEIGHT.minimum), int(LOADBALANCE_WEIGHT.maximum)
    if not least <= int(word[:6]) <= most:
        raise ValueError(f"a weight is between {least} and {most}, not {word}")
    return int(word)
