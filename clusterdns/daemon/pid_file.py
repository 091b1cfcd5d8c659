"""The file of `-pidfile`, for supervisors: empty until the program serves, then its number, and gone at the end.

So does CoreDNS, but that it does not empty what another process has left there. A file that can't be written later is
no reason not to serve.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from clusterdns.errors import ConfigError

_log = logging.getLogger(__name__)


class PidFile:
    """One such file; none for an empty path."""

    def __init__(self, path: str) -> None:
        """Empties the file: what another process has left there means nothing any more. Raises ConfigError."""
        self._path = Path(path) if path else None
        self._text = f"{os.getpid()}\n"
        try:
            self._put("")
        except OSError as error:
            raise ConfigError(f"the process's number can't be written: {error.strerror}", source=path) from error

    def write(self) -> None:
        """The program serves."""
        try:
            self._put(self._text)
        except OSError as error:
            _log.error("%s: the process's number can't be written: %s", self._path, error.strerror)

    def remove(self) -> None:
        """The program has ended; what another one has written there meanwhile stays."""
        with suppress(OSError):
            if self._path is not None and self._path.read_text() == self._text:
                self._path.unlink()

    def _put(self, text: str) -> None:
        if self._path is not None:
            self._path.write_text(text)
