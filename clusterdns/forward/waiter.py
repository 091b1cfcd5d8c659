"""What a connection to an upstream needs to know of whoever waits for an answer on it."""

from __future__ import annotations

from typing import Protocol


class Waiter(Protocol):
    """One message under way. `message_id` and `reused` are set by the connection that takes it."""

    message_id: int
    reused: bool
    """The connection was open before; the upstream may have closed it before it saw the message."""

    def answered(self, message: bytes) -> bool:
        """An answer with this ID arrived. False: it is not the one, and the wait goes on if the transport allows it."""

    def lost(self, reason: str) -> None:
        """There will be no answer over this connection."""
