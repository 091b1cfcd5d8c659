"""What a connection to an upstream needs to know of whoever waits for an answer on it, and the other way round."""

from __future__ import annotations

from typing import Protocol


class Waiter(Protocol):
    """One message under way. `message_id` and `reused` are set by the connection that takes it."""

    message_id: int
    reused: bool
    """The connection was open before; the upstream may have closed it before it saw the message."""

    def answered(self, message: bytes, now: float) -> bool:
        """An answer with this ID arrived. False: it is not the one, and the wait goes on if the transport allows it."""

    def lost(self, reason: str) -> None:
        """There will be no answer over this connection."""


class Carrier(Protocol):
    """The connection or socket that took a message."""

    def abandon(self, waiter: Waiter) -> None:
        """The waiter waits no more."""

    def suspect(self, sent_at: float) -> None:
        """A message that was sent then has not been answered in time."""
