"""Who asks: client address to pod to namespace, and from that the search list in the pod's resolv.conf.

The kubelet gives each pod with dnsPolicy ClusterFirst `search <ns>.svc.<zone> svc.<zone> <zone>`; the walk follows
that list. Clients of one namespace share a view: what one of them is answered, all of them are.
"""

from __future__ import annotations

import functools

from clusterdns.kube.pod_index import PodIndex
from clusterdns.wire.names import MAX_LABEL

_NAMESPACES = 4096
"""How many namespaces' names are kept; making them again costs a microsecond."""


class PodSearchLists:
    """The search lists of the pods in one index. Implements `clusterdns.directives.chain.SearchLists`."""

    def __init__(self, pods: PodIndex, zone: bytes) -> None:
        """`zone` is the first forward zone of the `kubernetes` directive, a folded wire name."""
        self._pod_at = pods.pod_at
        self._names_of = functools.lru_cache(_NAMESPACES)(functools.partial(_names, zone))

    def search_list_of(self, client: str) -> tuple[bytes, tuple[bytes, ...]] | None:
        """The namespace and the search list of the pod at `client` (canonical text); None if there is none."""
        pod = self._pod_at(client)
        return None if pod is None else self._names_of(pod.namespace)


def _names(zone: bytes, namespace: str) -> tuple[bytes, tuple[bytes, ...]] | None:
    label = namespace.lower().encode()
    if not 1 <= len(label) <= MAX_LABEL:
        return None  # a manifest may say anything
    services = b"\x03svc" + zone
    return label, (bytes((len(label),)) + label + services, services, zone)
