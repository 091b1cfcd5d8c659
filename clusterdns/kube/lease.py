"""A Lease of an API server: read, made, and taken over under the version that was read.

Source: Kubernetes API reference, coordination.k8s.io/v1 Lease. Who leads is `election`'s to decide; that two writers
can't both win is the server's: an update with an old resourceVersion gets 409.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from clusterdns.errors import KubeApiError
from clusterdns.kube.api import ApiServer


class Lease(Struct, frozen=True):
    """What a Lease says. `renewed` and `acquired` are its texts; they are compared, never read as times."""

    holder: str
    version: str
    duration_seconds: float = 0.0
    renewed: str = ""
    acquired: str = ""
    transitions: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


class _RawMetadata(Struct):
    version: str = field(default="", name="resourceVersion")
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class _RawSpec(Struct):
    holder: str | None = field(default=None, name="holderIdentity")
    duration: float | None = field(default=None, name="leaseDurationSeconds")
    renewed: str | None = field(default=None, name="renewTime")
    acquired: str | None = field(default=None, name="acquireTime")
    transitions: int | None = field(default=None, name="leaseTransitions")


class _RawLease(Struct):
    metadata: _RawMetadata
    spec: _RawSpec = field(default_factory=_RawSpec)


class LeaseClient:
    """The Lease `namespace`/`name`. Every method raises KubeApiError."""

    def __init__(self, server: ApiServer, namespace: str, name: str) -> None:
        self._server = server
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace
        self._name = name

    async def read(self) -> Lease | None:
        """Return the Lease; None if there is none yet."""
        try:
            return _decode(await self._server.get(f"{self._collection}/{self._name}", {}))
        except KubeApiError as error:
            if error.status == 404:
                return None
            raise

    async def write(self, lease: Lease) -> Lease:
        """Make the Lease say what `lease` does, if it is still at `lease.version` ("": if there is none yet)."""
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self._name,
                "namespace": self._namespace,
                "labels": dict(lease.labels),
                "annotations": dict(lease.annotations),
                **({"resourceVersion": lease.version} if lease.version else {}),
            },
            "spec": {
                "holderIdentity": lease.holder,
                "leaseDurationSeconds": int(lease.duration_seconds),
                "acquireTime": lease.acquired,
                "renewTime": lease.renewed,
                "leaseTransitions": lease.transitions,
            },
        }
        if lease.version:
            return _decode(await self._server.send("PUT", f"{self._collection}/{self._name}", body))
        return _decode(await self._server.send("POST", self._collection, body))


def _decode(body: bytes) -> Lease:
    try:
        raw = msgspec.json.decode(body, type=_RawLease)
    except msgspec.DecodeError as error:
        raise KubeApiError(200, "Malformed", f"not a Lease: {error}") from None
    spec = raw.spec
    return Lease(
        spec.holder or "",
        raw.metadata.version,
        spec.duration or 0.0,
        spec.renewed or "",
        spec.acquired or "",
        spec.transitions or 0,
        raw.metadata.labels,
        raw.metadata.annotations,
    )
