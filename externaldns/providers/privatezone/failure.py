"""What the PrivateZone API refuses or fails, as one error type that knows whether a retry can help."""

from __future__ import annotations

from clusterdns.errors import ClusterDNSError

CONFLICT = "Record.Invalid.Conflict"
"""The code of an addition that an existing record excludes; an identical record does, too."""

# The codes that the documentation and the vendor's own tools call temporary. All but the last two are HTTP 400.
_TEMPORARY = ("Throttling", "System.Busy", "ServiceUnavailable", "InternalError")

UNREACHABLE = "Unreachable"
"""Our code for "no answer": refused, reset, timed out, or not the API's JSON."""

NO_KEYS = "NoKeys"
"""Our code for a call that was not made, as there are no keys to sign it with."""

_FILE = "the file of --alibaba-cloud-config-file"
# What to do about a call that was refused because of who calls, by the beginning of the code.
_ADVICE = {
    NO_KEYS: f"put accessKeyId and accessKeySecret into {_FILE}, or give the pod (RRSA) or its node (ECS) a role",
    "InvalidAccessKeyId": f"there is no such key: mend accessKeyId in {_FILE}, or wherever else the keys come from",
    "MissingAccessKeyId": f"the key is empty: mend accessKeyId in {_FILE}, or wherever else the keys come from",
    "SignatureDoesNotMatch": f"the secret is not that key's: mend accessKeySecret in {_FILE}, or where else it is from",
    "InvalidSecurityToken": "the temporary keys do not hold any more: renew them, or see why a role's are not",
    "InvalidTimeStamp": "the clock of this machine is wrong",
    "Forbidden": "the RAM user or role lacks this permission: docs/privatezone.md has all that are needed",
    "NoPermission": "the RAM user or role lacks this permission: docs/privatezone.md has all that are needed",
}


class NoKeys(ClusterDNSError):
    """There are no keys to sign a call with; the text says where they were looked for."""

    retryable = True


class PrivateZoneError(ClusterDNSError):
    """The API refused `action`, or did not answer.

    `retryable` is about the same call again: throttling, an overloaded or unreachable server. After "did not
    answer" a write may have been done all the same. `retry_after_seconds` is what the server asked for, else 0.
    `about_caller` is about whose call it was, not about what it asked for: no call is going to do better.
    `request_id` is what Alibaba Cloud's support asks for.
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
        advice = next((words for start, words in _ADVICE.items() if code.startswith(start)), "")
        if advice:
            message = message.partition(" server string to sign")[0].rstrip(".") + f"; {advice}"
        # Without what differs from call to call, such as the request's ID: the same words again are not said again.
        super().__init__(f"PrivateZone {action}: {code}: {message}")
        self.about_caller = bool(advice)
        self.action = action
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        self.retryable = code == UNREACHABLE or status >= 500 or code.startswith(_TEMPORARY)

    @property
    def throttled(self) -> bool:
        """True if we asked too often."""
        return self.code.startswith("Throttling")
