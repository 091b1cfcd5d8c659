"""The `errors` directive: what went wrong with a query, on the log, in CoreDNS's words.

The client's SERVFAIL is made further out, with or without this directive.
"""

from __future__ import annotations

import logging

from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.errors import UpstreamFailure
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text

_log = logging.getLogger(__name__)


class Errors:
    """One directive's handler."""

    def __init__(self, following: Handler) -> None:
        self._following = following

    async def handle(self, request: Request) -> Reply:
        try:
            return await self._following(request)
        except UpstreamFailure as failure:
            query = request.query
            _log.error(
                "plugin/errors: %d %s %s: %s",
                numbers.SERVFAIL,
                name_to_text(query.name),
                numbers.type_name(query.qtype),
                failure,
            )
            raise
