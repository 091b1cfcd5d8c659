"""A file that a directive reads again when it has changed: hosts(5), weights.

It is looked at when somebody asks, no more often than every so many seconds. That costs one stat(2), in the way of one
query. One that can't be read is told once, and what was read before stays.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)

_UNREADABLE = (0, 0, 0)


class FollowedFile:
    """`directive` is who follows it, for the log. `reload_seconds` 0 is for never again."""

    def __init__(self, path: Path, reload_seconds: float, directive: str) -> None:
        self._path = path
        self._reload_seconds = reload_seconds
        self._directive = directive
        self._seen: tuple[int, int, int] | None = None
        self._look_again_at = 0.0

    @property
    def changed_at(self) -> float:
        """When the file was last changed, seconds since 1970; 0 if there is none to be read."""
        return self._seen[0] / 1e9 if self._seen else 0.0

    def new_text(self, now: float) -> str | None:
        """What it says, if it is time to look, and it has changed. `now` is monotonic seconds."""
        if now < self._look_again_at:
            return None
        self._look_again_at = now + self._reload_seconds if self._reload_seconds else float("inf")
        try:
            status = os.stat(self._path)
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen == self._seen:
                return None
            text = self._path.read_text("utf-8", errors="replace")
        except OSError as error:
            if self._seen != _UNREADABLE:
                reason = error.strerror
                _log.warning("%s: %s can't be read, its last content stays: %s", self._directive, self._path, reason)
            self._seen = _UNREADABLE
            return None
        self._seen = seen
        return text
