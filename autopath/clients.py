"""Who asks: client address to pod to namespace, and from that the search list in the pod's resolv.conf.

The kubelet gives each pod with dnsPolicy ClusterFirst `search <ns>.svc.<zone> svc.<zone> <zone>`; the walk follows
that list. Clients of one namespace share a view: what one of them is answered, all of them are. An annotation of a
namespace switches the search off for its pods; one of a pod counts more than its namespace's.
"""

from __future__ import annotations

import functools

from clusterdns.kube.lean import OWN_ANNOTATIONS
from clusterdns.kube.objects import Namespace
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Store
from clusterdns.search.lists import OFF, SearchList
from clusterdns.wire.names import MAX_LABEL

SWITCH = f"{OWN_ANNOTATIONS}autopath"
"""The annotation of pods and namespaces: `off`, or `on` for a pod whose namespace says `off`."""

_NAMESPACES = 4096
"""How many namespaces' names are kept; making them again costs a microsecond."""


class PodSearchLists:
    """The search lists of the pods in one index. Implements `clusterdns.search.lists.SearchLists`."""

    def __init__(self, pods: PodIndex, namespaces: Store[Namespace], zone: bytes) -> None:
        """`zone` is the first forward zone of the `kubernetes` directive, a folded wire name."""
        self._pod_at = pods.pod_at
        self._off: set[str] = set()
        namespaces.subscribe(self._namespace_changed)
        self._names_of = functools.lru_cache(_NAMESPACES)(functools.partial(_names, zone))

    def search_list_of(self, client: str) -> SearchList | None:
        """The search list of the pod at `client` (canonical text), its namespace as the view; None if there is none."""
        pod = self._pod_at(client)
        if pod is None:
            return None
        switch = dict(pod.annotations).get(SWITCH) if pod.annotations else None
        if switch == "off" or (switch != "on" and pod.namespace in self._off):
            return OFF
        return self._names_of(pod.namespace)

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is not None:
            self._off.discard(old.name)
        if new is not None and new.annotations.get(SWITCH) == "off":
            self._off.add(new.name)


def _names(zone: bytes, namespace: str) -> SearchList | None:
    label = namespace.lower().encode()
    if not 1 <= len(label) <= MAX_LABEL:
        return None  # a manifest may say anything
    services = b"\x03svc" + zone
    return SearchList(label, (bytes((len(label),)) + label + services, services, zone))
