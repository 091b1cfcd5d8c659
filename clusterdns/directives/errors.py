"""The `errors` directive: what went wrong with a query, on the log, in CoreDNS's words.

With `consolidate`, errors of one kind are counted for a while and told in one line, so that an upstream's outage does
not fill the log. The client's SERVFAIL is made further out, with or without this directive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.config.errors import Consolidate
from clusterdns.errors import UpstreamFailure
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text

_log = logging.getLogger(__name__)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds."""


def _in_the_running_loop(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


class Errors:
    """One directive's handler. An error that several of `kinds` match belongs to the first of them."""

    def __init__(
        self, following: Handler, kinds: Sequence[Consolidate] = (), later: Later = _in_the_running_loop
    ) -> None:
        self._following = following
        self._kinds = kinds
        self._later = later
        self._counts = [0] * len(kinds)

    async def handle(self, request: Request) -> Reply:
        try:
            return await self._following(request)
        except UpstreamFailure as failure:
            text = str(failure)
            if not self._is_counted(text):
                query = request.query
                _log.error(
                    "plugin/errors: %d %s %s: %s",
                    numbers.SERVFAIL,
                    name_to_text(query.name),
                    numbers.type_name(query.qtype),
                    text,
                )
            raise

    def _is_counted(self, text: str) -> bool:
        """True if the error is counted, to be told later; its kind may want the first one told at once as well."""
        for number, kind in enumerate(self._kinds):
            if kind.pattern.search(text):
                self._counts[number] += 1
                is_first = self._counts[number] == 1
                if is_first:
                    # "After the DURATION since receiving the first such message" (CoreDNS errors).
                    self._later(kind.seconds, partial(self._tell, number))
                return not (is_first and kind.show_first)
        return False

    def _tell(self, number: int) -> None:
        kind, count = self._kinds[number], self._counts[number]
        self._counts[number] = 0
        if kind.show_first and count == 1:
            return  # it has been told
        _log.log(
            _LEVELS[kind.level],
            "plugin/errors: %d errors like '%s' occurred in last %gs",
            count,
            kind.pattern.text,
            kind.seconds,
        )
