"""What a listener asks of the server behind it: one callable, which answers at once or later, and one for repetitions.

No task, no future and no object per query crosses this line: most answers are there when the call returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

Peer = tuple[Any, ...]
"""The client's address as text, its port, and what else its listener needs to find it again."""

Send = Callable[[bytes, Peer], None]
"""Sends a late answer to the peer that asked, over UDP one of at most UDP_QUERY_BYTES; nothing if that peer is gone."""

Repeat = Callable[[bytes], bytes | None]
"""From a query behind its ID to the answer behind its ID, if it is known at once; VIEWED if it depends on who asks."""

VIEWED: Final = b"it depends on who asks"
"""No answer, but this very object: `RepeatTo` may know one."""

RepeatTo = Callable[[bytes, bytes], bytes | None]
"""The same for a client, whose address (4 or 16 bytes) comes second."""


def repeat_nothing(_body: bytes, _client: bytes = b"") -> bytes | None:
    """For a server that keeps no answers."""
    return None


Answer = bytes | Iterator[bytes]
"""One message, or several that answer one query (a zone transfer), each made when the one before it is sent."""

SendAny = Callable[[Answer, Peer], None]
"""As `Send`, for a connection."""


class Respond(Protocol):
    """The server: bytes of a message in, bytes of its answer out."""

    def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
        """Return the answer; or None, and then call `send` once, later.

        An empty answer means that nothing is to be sent: the operator wants silence (`acl`, drop). What is no query at
        all (shorter than a header, or a response) gets None and never a call.
        """


class RespondTcp(Protocol):
    """The same for a connection, where an answer may be several messages."""

    def __call__(self, message: bytes, peer: Peer, send: SendAny, /) -> Answer | None:
        """See `Respond`."""


def client_address(peer: Peer) -> str:
    """The client's address as canonical text, without the zone of an IPv6 link-local one (RFC 4007 section 11)."""
    address: str = peer[0]
    return address.partition("%")[0] if "%" in address else address
