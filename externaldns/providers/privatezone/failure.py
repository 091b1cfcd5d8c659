"""What the PrivateZone API refuses or fails, as one error type that knows whether a retry can help."""

from __future__ import annotations

from clusterdns.errors import ClusterDNSError

CONFLICT = "Record.Invalid.Conflict"
"""The code of an addition that an existing record excludes; an identical record does, too."""

# The codes that the documentation and the vendor's own tools call temporary. All but the last two are HTTP 400.
_TEMPORARY = ("Throttling", "System.Busy", "ServiceUnavailable", "InternalError")

UNREACHABLE = "Unreachable"
"""Our code for "no answer": refused, reset, timed out, or not the API's JSON."""


class PrivateZoneError(ClusterDNSError):
    """The API refused `action`, or did not answer.

    `retryable` is about the same call again: throttling, an overloaded or unreachable server. After "did not
    answer" a write may have been done all the same. `retry_after_seconds` is what the server asked for, else 0.
    """

    def __init__(
        self,
        action: str,
        code: str,
        message: str,
        *,
        status: int = 0,
        request_id: str = "",
        retry_after_seconds: float = 0.0,
    ) -> None:
        request = f" (request {request_id})" if request_id else ""
        super().__init__(f"PrivateZone {action}: {code}: {message}{request}")
        self.action = action
        self.code = code
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.retryable = code == UNREACHABLE or status >= 500 or code.startswith(_TEMPORARY)

    @property
    def throttled(self) -> bool:
        """True if we asked too often."""
        return self.code.startswith("Throttling")
