"""The `log` directive: one line for each query, in the format and with the classes of CoreDNS's `log`.

{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.limits import TCP_MESSAGE_BYTES, UDP_PLAIN_BYTES
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_to_text
from clusterdns.wire.response import Kind, Response

_log = logging.getLogger(__name__)

COMMON = (
    "{remote}:{port} - {>id} "
    '"{type} {class} {name} {proto} {size} {>do} {>bufsize}" '
    "{rcode} {>rflags} {rsize} {duration}"
)
COMBINED = COMMON + ' "{>opcode}"'

_FIELD = re.compile(r"\{[^{}]+\}")
_FLAG_NAMES = (
    (numbers.QR, "qr"),
    (numbers.AA, "aa"),
    (numbers.TC, "tc"),
    (numbers.RD, "rd"),
    (numbers.RA, "ra"),
    (numbers.AD, "ad"),
    (numbers.CD, "cd"),
)


class Log:
    """One directive's handler. `classes` are of `all`, `success`, `denial` and `error`; `zones` folded wire names."""

    def __init__(
        self,
        zones: Sequence[bytes],
        line_format: str,
        classes: Collection[str],
        clock: Callable[[], float],
        following: Handler,
        slow: float | None = None,
    ) -> None:
        """With `slow`, answers of other classes are logged, too, if they took more than so many seconds."""
        self._zones = tuple(zones)
        self._format = line_format.replace("{common}", COMMON).replace("{combined}", COMBINED)
        self._classes = frozenset(classes)
        self._clock = clock
        self._following = following
        self._slow = slow

    async def handle(self, request: Request) -> Reply:
        if not any(is_at_or_below(request.query.folded, zone) for zone in self._zones):
            return await self._following(request)
        try:
            reply = await self._following(request)
        except Exception:
            if self._classes & {"all", "error"} or self._took_long(request):
                self._write(request, None)
            raise
        if self._classes & {"all", _class_of(reply.response)} or self._took_long(request):
            self._write(request, reply.response)
        # The packet cache answers in front of the chain, where nothing is logged: it must not have this one.
        return replace(reply, fresh_until=0.0)

    def _took_long(self, request: Request) -> bool:
        return self._slow is not None and self._clock() - request.now > self._slow

    def _write(self, request: Request, response: Response | None) -> None:
        query = request.query
        values = {
            "{remote}": f"[{request.client}]" if ":" in request.client else request.client,
            "{port}": str(request.port),
            "{>id}": str(query.id),
            "{type}": numbers.type_name(query.qtype),
            "{class}": "IN" if query.qclass == numbers.IN else str(query.qclass),
            "{name}": name_to_text(query.name),
            "{proto}": request.transport,
            "{size}": str(request.size),
            "{>do}": "true" if query.dnssec_ok else "false",
            "{>bufsize}": str(_largest_answer(request)),
            "{>opcode}": str((query.flags & numbers.OPCODE) >> 11),
            "{rcode}": numbers.rcode_name(response.rcode if response else numbers.SERVFAIL),
            "{>rflags}": _flags(response.flags) if response else "-",
            "{rsize}": str(len(response.message)) if response else "0",
            "{duration}": f"{self._clock() - request.now:.9f}s",
        }
        # One pass: a queried name that looks like a field stays a name.
        _log.info("%s", _FIELD.sub(lambda field: values.get(field[0], "-"), self._format))


def _class_of(response: Response) -> str:
    if response.kind is Kind.FAILURE:
        return "error"
    # An NXDOMAIN without an SOA, as `hosts` makes it, is a denial like any other.
    denial = response.kind is Kind.NODATA or response.rcode == numbers.NXDOMAIN
    return "denial" if denial else "success"


def _largest_answer(request: Request) -> int:
    """The size in bytes that the client takes, as CoreDNS logs it: over TCP that of any message."""
    if request.transport == "tcp":
        return TCP_MESSAGE_BYTES.default_int
    edns = request.query.edns
    return edns.payload_bytes if edns else UDP_PLAIN_BYTES.default_int


def _flags(flags: int) -> str:
    return ",".join(name for bit, name in _FLAG_NAMES if flags & bit)
