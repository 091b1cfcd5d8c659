"""The pods of this node, and what their resolvers search: what the search walk on the node knows.

    API server (spec.nodeName=…) or manifests ──► pods of this node, namespaces ──► search lists ──► `autopath @node`

Pods of other nodes never reach the process, so that it costs the same in a cluster of any size. Of namespaces only
their names and one annotation are kept; without the right to read them each may exist. Pods that are not known, as the
API server has not been heard yet, get the answers that they ask for, one by one; those that are known stay so while it
is away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from clusterdns.daemon.lifecycle import eternal
from clusterdns.directives.assemble import Assembly, Site, make_autopath
from clusterdns.directives.chain import Handler
from clusterdns.directives.config import autopath as autopath_config
from clusterdns.errors import ConfigError
from clusterdns.kube.access import Access
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.search_lists import KnownClients, NamespacesOff, PodSearchLists
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import UNFINISHED_PODS, ClusterWatch
from clusterdns.search.cluster_names import can_exist
from clusterdns.search.pod_resolver import NO_HOST, SearchRules
from clusterdns.search.resolv_conf import search_rules

_log = logging.getLogger(__name__)

_KINDS = frozenset(("Pod", "Namespace"))
_REVERSE_ZONES = (b"\x04arpa\0",)


class NodePods:
    """The pods of one node by source: a folder of manifests, or the API server (""). They outlive a reload.

    For a Corefile that is about to take effect: assemble it with `make`, `start` what it needs, and when it has taken
    effect, `stop_others`.
    """

    def __init__(self, node: str, kubeconfig: str, resolv_conf: str = autopath_config.RESOLV_CONF) -> None:
        """`node` is the node's name, empty if nobody says; `resolv_conf` the file that the kubelet hands to pods."""
        self._node = node
        self._kubeconfig = kubeconfig
        self._resolv_conf = resolv_conf
        self._clusters: dict[str, tuple[Cluster, PodIndex]] = {}
        self._lists: dict[tuple[str, bytes, SearchRules, bool], PodSearchLists] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.watches: dict[str, ClusterWatch] = {}
        """Those of API servers."""

    def make(self, config: autopath_config.Config, site: Site, following: Handler) -> Handler:
        """The maker of `autopath` in nodelocal's server blocks. Raises ConfigError."""
        if config.source == autopath_config.NODE:
            if not self._node:
                raise ConfigError("autopath @node needs the node's name: set NODE_NAME, or -nodename")
            zone = next((zone for zone in site.zones if not zone.endswith(_REVERSE_ZONES)), None)
            if zone is None or zone == b"\0":
                raise ConfigError("autopath @node belongs into the server block of the cluster's zone")
            cluster, index = self._cluster(config.manifests)
            site.search_lists = self._search_lists(config, zone, cluster, index)
            if not config.extra_names:
                site.can_exist = _namer(cluster, zone)
        elif config.source.startswith("@"):
            raise ConfigError(f"there is no {config.source} on a node: write autopath {autopath_config.NODE}")
        return make_autopath(config, site, following)

    def start(self, assembly: Assembly) -> None:
        """Begin to follow what `assembly` needs and is not followed yet. Raises ConfigError for broken manifests.

        Nothing waits for them: until a pod is known it is answered as by any cache.
        """
        for manifests in self._sources(assembly):
            if manifests in self._tasks:
                continue
            cluster, _ = self._clusters[manifests]
            if manifests:
                folder = ManifestFolder(Path(manifests), cluster, node=self._node)
                folder.load()
                self._tasks[manifests] = eternal(f"manifests {manifests}", folder.watch)
            else:
                watch = self.watches[manifests] = ClusterWatch(
                    cluster,
                    Access(kubeconfig=self._kubeconfig),
                    _KINDS,
                    field_selectors={"Pod": f"spec.nodeName={self._node},{UNFINISHED_PODS}"},
                )
                self._tasks[manifests] = eternal("watch of this node's pods", watch.run)

    async def stop_others(self, assembly: Assembly) -> None:
        """Stop following, and forget, what `assembly` does not need."""
        needed = self._sources(assembly)
        self._lists = {key: lists for key, lists in self._lists.items() if key[0] in needed}
        self._clusters = {source: both for source, both in self._clusters.items() if source in needed}
        await self._stop(self._tasks.keys() - needed)

    async def close(self) -> None:
        """Stop following."""
        await self._stop(set(self._tasks))

    async def _stop(self, sources: set[str]) -> None:
        tasks = [self._tasks.pop(source) for source in sources]
        for source in sources:
            self.watches.pop(source, None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _sources(self, assembly: Assembly) -> set[str]:
        """The sources of the search lists in `assembly`."""
        return {key[0] for key, lists in self._lists.items() if lists in assembly.parts.search_lists}

    def _cluster(self, manifests: str) -> tuple[Cluster, PodIndex]:
        if manifests not in self._clusters:
            cluster = Cluster(lean=True)
            self._clusters[manifests] = cluster, PodIndex(cluster.pod_claims)
        return self._clusters[manifests]

    def _search_lists(
        self, config: autopath_config.Config, zone: bytes, cluster: Cluster, index: PodIndex
    ) -> PodSearchLists:
        host = self._host_rules(config.host_search or self._resolv_conf)
        key = config.manifests, zone, host, bool(config.host_search)
        if key not in self._lists:
            self._lists[key] = PodSearchLists(
                index,
                NamespacesOff(cluster.namespaces),
                zone,
                host,
                guards_host=not config.host_search,
                clients=KnownClients(index, cluster.namespaces),
            )
        return self._lists[key]

    @staticmethod
    def _host_rules(path: str) -> SearchRules:
        try:
            return search_rules(Path(path).read_text("utf-8", "replace"))
        except OSError as error:
            _log.warning("the search domains of this host are not known: %s: %s", path, error.strerror)
            return NO_HOST


def _namer(cluster: Cluster, zone: bytes) -> Callable[[bytes], bool]:
    def has_namespace(name: str) -> bool:
        return not cluster.namespaces.synced or cluster.namespaces.get("", name) is not None

    return lambda folded: can_exist(folded, zone, has_namespace)
