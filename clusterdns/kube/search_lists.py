"""Whose question is searched along which domains: client address to pod, and from that what is in its resolv.conf.

    query's client address -> claim -> namespace, DNS settings, annotations -> search list -> the walk

The walk follows exactly the list that the kubelet gave this pod (`clusterdns.search.pod_resolver`). Pods with the same
list share a view: what one of them is answered, all of them are. An annotation of a namespace switches the search off
for its pods; one of a pod counts more than its namespace's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container

from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import DnsSettings, Namespace, PodClaim
from clusterdns.kube.pod_index import PodIndex, Pods
from clusterdns.kube.store import Store
from clusterdns.limits import AUTOPATH_VIEWS
from clusterdns.search.lists import OFF, SearchList
from clusterdns.search.pod_resolver import NO_HOST, PodDns, SearchRules, rules_of
from clusterdns.wire.names import MAX_LABEL

SWITCH = "clusterdns.io/autopath"
"""The annotation of pods and namespaces: `off`, or `on` for a pod whose namespace says `off`."""

_LISTS = 4096
"""How many lists are kept; making one again costs microseconds."""


class NamespacesOff:
    """The namespaces in a store that want no search for their pods; it follows the store from its making on."""

    def __init__(self, namespaces: Store[Namespace]) -> None:
        self._names: set[str] = set()
        namespaces.subscribe(self._changed)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def _changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is not None:
            self._names.discard(old.name)
        if new is not None and new.annotations.get(SWITCH) == "off":
            self._names.add(new.name)


class Clients:
    """The search lists of clients that have asked, by packed address, until they are to be forgotten."""

    def __init__(self) -> None:
        self._lists: dict[bytes, SearchList] = {}
        self._views: dict[bytes, bytes] = {}
        self.list_at: Callable[[bytes], SearchList | None] = self._lists.get
        """The list of the client at an address."""
        self.view_at: Callable[[bytes], bytes | None] = self._views.get
        """The view of the client at an address: that of its list."""

    def put(self, packed: bytes, known: SearchList) -> None:
        """The client at this address has this list now."""
        if len(self._lists) >= AUTOPATH_VIEWS.default:
            self.forget()
        self._lists[packed] = known
        self._views[packed] = known.view

    def forget(self, *_change: object) -> None:
        """Something has changed that any of them may depend on. Can be a listener of stores."""
        self._lists.clear()
        self._views.clear()


class KnownClients(Clients):
    """Those that hold for as long as the clients' pods and namespaces are what they were."""

    def __init__(self, pods: PodIndex, namespaces: Store[Namespace]) -> None:
        super().__init__()
        pods.subscribe(self._address_changed)
        namespaces.subscribe(self.forget, from_now=True)

    def _address_changed(self, packed: bytes) -> None:
        if self._lists.pop(packed, None) is not None:
            del self._views[packed]


class PodSearchLists:
    """The search lists of pods. Implements `clusterdns.search.lists.SearchLists`."""

    def __init__(
        self,
        pods: Pods,
        off: Container[str],
        zone: bytes,
        host: SearchRules = NO_HOST,
        *,
        guards_host: bool = True,
        clients: Clients | None = None,
    ) -> None:
        """`off` has the namespaces whose pods want no search. `zone` is the cluster domain, a folded wire name; `host`
        what the resolvers of the pods' node follow.

        With `guards_host` no name with a dot is searched along the host's domains, unless a pod names them itself: it
        is the name of somebody outside nearly always, whom the host's DNS need not learn of. `clients` is where lists
        are kept, over the same pods and namespaces; without it none are.
        """
        self._clients = clients
        known = clients or Clients()
        self.view_at = known.view_at
        self._list_at = known.list_at
        self._pod_at = pods.pod_at
        self._off = off
        self._host = host
        self._guarded = frozenset(host.search) if guards_host else frozenset()
        self._zone = zone
        self._list_of = functools.lru_cache(_LISTS)(self._make_list)

    def search_list_of(self, client: str) -> SearchList | None:
        """The search list of the pod at `client` (canonical text); None if there is none."""
        packed = pack(client)
        if packed is None:
            return None
        known = self._list_at(packed)
        if known is None:
            pod = self._pod_at(client)
            known = self._list_for(pod) if pod is not None else None
            if known is not None and self._clients is not None:
                self._clients.put(packed, known)
        return known

    def _list_for(self, pod: PodClaim) -> SearchList | None:
        switch = dict(pod.annotations).get(SWITCH) if pod.annotations else None
        if switch == "off" or (switch != "on" and pod.namespace in self._off):
            return OFF
        return self._list_of(pod.namespace, pod.dns)

    def _make_list(self, namespace: str, dns: DnsSettings | None) -> SearchList | None:
        view = namespace.lower().encode()
        if not 1 <= len(view) <= MAX_LABEL:
            return None  # a manifest may say anything
        guarded = self._guarded
        if dns is None:
            rules = rules_of(PodDns(namespace), self._zone, self._host)
        else:
            guarded -= set(rules_of(PodDns(namespace, "None", False, dns.searches), self._zone, NO_HOST).search)
            rules = rules_of(PodDns(namespace, dns.policy, False, dns.searches, dns.ndots), self._zone, self._host)
            # No namespace has a slash.
            view += b"/%d/" % rules.ndots + b"".join(rules.search)
        return SearchList(view, rules.search, ndots=rules.ndots, guarded=guarded)
