"""Errors, typed by whose fault they are and whether a retry can help.

A caller decides by type alone: `MalformedMessage` is answered with FORMERR or silence, `UpstreamFailure`
moves on to the next upstream, `ConfigError` is printed to the operator and keeps the running configuration,
`KernelUnsupported` degrades one step and says so once, `KubeApiError` backs off and lists again.
"""

from __future__ import annotations


class ClusterDNSError(Exception):
    """Base of every error raised on purpose; `retryable` says whether the same call may succeed later."""

    retryable = False


class MalformedMessage(ClusterDNSError):
    """A peer sent bytes that are not the DNS message they claim to be (RFC 1035 section 4). Never retryable."""


class UpstreamFailure(ClusterDNSError):
    """An upstream did not answer, refused the connection or answered something else; another one may do better."""

    retryable = True

    def __init__(self, upstream: str, reason: str) -> None:
        super().__init__(f"upstream {upstream}: {reason}")
        self.upstream = upstream
        self.reason = reason


class ConfigError(ClusterDNSError):
    """What the operator wrote can't be used; the text names the place and what to write instead.

    `source` is a file name or a flag; `line` and `column` count from 1, and are 0 where the place is the whole source.
    """

    def __init__(self, message: str, *, source: str = "", line: int = 0, column: int = 0) -> None:
        place = source
        if line:
            place = f"{source or 'Corefile'}:{line}:{column}"
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.source = source
        self.line = line
        self.column = column


class KernelUnsupported(ClusterDNSError):
    """This kernel, or our privileges on it, lack a feature; `minimum` says which kernel or capability has it."""

    def __init__(self, feature: str, minimum: str) -> None:
        super().__init__(f"{feature} is not available here: it needs {minimum}")
        self.feature = feature
        self.minimum = minimum


class KubeApiError(ClusterDNSError):
    """The Kubernetes API server refused or failed a request.

    `status` is the HTTP status (0: no answer at all), `reason` the `Status.reason` field (for example `Expired`).
    Retryable unless the request itself is wrong (400, 404, 405, 422): 401 and 403 heal when RBAC or the token does.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"Kubernetes API: {status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.retryable = status not in (400, 404, 405, 422)
