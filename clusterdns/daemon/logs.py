"""Logging to stderr, in the two forms that the users of the replaced programs already collect.

"text" is CoreDNS's form, `[INFO] text`; "json" is one object a line with the keys of ExternalDNS's `--log-format=json`.
Modules take their logger from `logging.getLogger(__name__)`; a program calls `setup` once, before anything else.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time

from clusterdns.errors import ConfigError

# The names of CoreDNS, ExternalDNS (logrus) and Python. `fatal` and `panic` show nothing less than a crash.
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
_NAMES = {logging.DEBUG: "DEBUG", logging.INFO: "INFO", logging.WARNING: "WARNING", logging.ERROR: "ERROR"}

# These tell their own users what ours do not ask for; at `debug` they speak too.
_LIBRARIES = ("aiohttp", "kubernetes", "urllib3", "alibabacloud_credentials")

# A name from a query may hold any byte: nothing that it says may start a log line of its own or steer a terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def setup(level: str, format: str = "text") -> None:
    """Send every logger's lines of `level` and above to stderr; a second call replaces the first.

    `level` is debug, info, warning, error or fatal; `format` is text or json. ConfigError on any other word.
    """
    if level.lower() not in _LEVELS:
        raise ConfigError(f'unknown log level "{level}": write one of debug, info, warning, error, fatal')
    if format not in ("text", "json"):
        raise ConfigError(f'unknown log format "{format}": write text or json')
    number = _LEVELS[level.lower()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(number if number == logging.DEBUG else max(number, logging.WARNING))
    # When nobody reads stderr any more, losing lines is better than a traceback for each of them.
    logging.raiseExceptions = False


class StateLog:
    """Says once that something went wrong, stays silent while it stays wrong, and says when it is well again.

    `key` names what has the state: an upstream, a watch, a file. Keys are kept while bad, so a caller takes them from
    its configuration, never from a query.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._bad: set[str] = set()

    def bad(self, key: str, text: str) -> None:
        """Warn with `text`, unless `key` is already bad."""
        if key not in self._bad:
            self._bad.add(key)
            self._logger.warning("%s", text)

    def good(self, key: str, text: str) -> None:
        """Tell `text` if `key` was bad; otherwise it is no news."""
        if key in self._bad:
            self._bad.remove(key)
            self._logger.info("%s", text)

    def is_bad(self, key: str) -> bool:
        return key in self._bad


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"[{_NAMES.get(record.levelno, 'FATAL')}] {_one_line(record.getMessage())}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "level": _NAMES.get(record.levelno, "FATAL").lower(),
            "msg": record.getMessage(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def _one_line(text: str) -> str:
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)
