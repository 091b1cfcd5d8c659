"""One question from a namespace, by dnspython, and a connection that is kept."""

from __future__ import annotations

import itertools
import socket
import time
from types import TracebackType
from typing import Self

import dns.message
import dns.query

from tests.support.netns import Namespace

_SECONDS = 10.0
_NUMBERS = itertools.count(1)


def ask(namespace: Namespace, server: str, *, tcp: bool = False) -> str:
    """Ask for a name that nobody has asked for; the address that comes. Raises what dnspython does."""
    query = _question(server)
    transport = dns.query.tcp if tcp else dns.query.udp
    return _address(namespace.call(lambda: transport(query, server, _SECONDS)))


class Connection:
    """A TCP connection to a DNS server, from a namespace."""

    def __init__(self, namespace: Namespace, server: str) -> None:
        self._server = server
        self._socket = namespace.call(lambda: socket.create_connection((server, 53), _SECONDS))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self) -> str:
        """As the function; OSError or EOFError if the connection is no more."""
        dns.query.send_tcp(self._socket, _question(self._server))
        answer, _ = dns.query.receive_tcp(self._socket, _expiration())
        return _address(answer)


def _expiration() -> float:
    return time.time() + _SECONDS


def _question(server: str) -> dns.message.Message:
    return dns.message.make_query(f"asked-{next(_NUMBERS)}.example.", "AAAA" if ":" in server else "A")


def _address(answer: dns.message.Message) -> str:
    (records,) = answer.answer
    return str(next(iter(records)).address).removeprefix("::ffff:")
