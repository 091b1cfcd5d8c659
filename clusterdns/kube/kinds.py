"""The kinds of object that the suite reads: where the API serves each, and which store holds it.

Any other kind can be read, too, whole: it goes by its resource's name, `certificates.v1.cert-manager.io`.
Source: Kubernetes API reference; the paths are those that an API server lists under /api/v1 and /apis/GROUP/v1.
"""

from __future__ import annotations

import re
from functools import cache

import msgspec

_RESOURCE = re.compile(r"([a-z][a-z0-9-]*)\.(v[0-9]+(?:(?:alpha|beta)[0-9]+)?)(?:\.([a-z0-9][a-z0-9.-]*))?\.?")


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

    def status_path(self, namespace: str, name: str) -> str:
        """URL path of the status of one object."""
        return f"{self.path(namespace)}/{name}/status"


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


@cache
def read_resource(text: str) -> Kind:
    """Return the kind of `RESOURCE.VERSION.GROUP`, or `RESOURCE.VERSION` of the core group; ValueError for others."""
    found = _RESOURCE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no resource: write RESOURCE.VERSION.GROUP, such as certificates.v1.cert-manager.io"
        )
    plural, version, group = found.groups()
    return Kind(text.removesuffix("."), plural, group or "", version)


def find_kind(name: str) -> Kind:
    """Return the kind of that name, listed or not; ValueError if it is neither."""
    return KINDS.get(name) or read_resource(name)


def is_custom(name: str) -> bool:
    """Tell whether a kind of that name is one that is read whole."""
    return "." in name


def resource_of(kind: str, api_version: str) -> str:
    """Return the resource's name of a document, as the API server would have it if nobody chose another plural."""
    plural = kind.lower()
    # Kubernetes, apimachinery: UnsafeGuessKindToResource.
    if plural.endswith("s"):
        plural += "es"
    elif plural.endswith("y"):
        plural = f"{plural[:-1]}ies"
    else:
        plural += "s"
    group, _, version = api_version.rpartition("/")
    return f"{plural}.{version}.{group}" if group else f"{plural}.{version}"
