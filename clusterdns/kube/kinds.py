"""The kinds of object that the suite reads: where the API serves each, and which store holds it.

Source: Kubernetes API reference; the paths are those that an API server lists under /api/v1 and /apis/GROUP/v1.
"""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind; `group` is empty for the core group. A server need not have an `optional` one."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    optional: bool = False

    @property
    def api_version(self) -> str:
        """As a manifest writes it: `v1`, `discovery.k8s.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "") -> str:
        """URL path of the collection, of one namespace or (empty) of the whole cluster."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        if namespace and self.namespaced:
            return f"{root}/namespaces/{namespace}/{self.plural}"
        return f"{root}/{self.plural}"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Namespace", "namespaces", namespaced=False),
        Kind("Service", "services"),
        Kind("EndpointSlice", "endpointslices", group="discovery.k8s.io"),
        Kind("Pod", "pods"),
        Kind("Node", "nodes", namespaced=False),
        # Multi-Cluster Services API, a custom resource.
        Kind("ServiceImport", "serviceimports", group="multicluster.x-k8s.io", version="v1alpha1", optional=True),
        Kind("Ingress", "ingresses", group="networking.k8s.io"),
        Kind("DNSEndpoint", "dnsendpoints", group="externaldns.k8s.io", version="v1alpha1"),
        Kind("Gateway", "gateways", group="gateway.networking.k8s.io"),
        Kind("HTTPRoute", "httproutes", group="gateway.networking.k8s.io"),
        Kind("GRPCRoute", "grpcroutes", group="gateway.networking.k8s.io"),
    )
}
