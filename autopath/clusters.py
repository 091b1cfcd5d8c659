"""The clusters that `kubernetes` directives answer from: each source once, whatever the number of directives.

A source is a folder of manifests, an API server by kubeconfig, or the cluster that this pod runs in. Directives that
name the same one share its stores, so that memory and watches do not multiply with server blocks.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from autopath.kubernetes import Config
from clusterdns.daemon.lifecycle import eternal
from clusterdns.errors import ConfigError
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import UNFINISHED_PODS, ClusterWatch

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.02


class Origin(NamedTuple):
    """Where a cluster's objects come from; all empty for the cluster that this pod runs in."""

    manifests: str
    kubeconfig: str
    context: str


@dataclass(slots=True)
class Source:
    """One cluster. `kinds` are those that its directives answer from."""

    cluster: Cluster = field(default_factory=Cluster)
    kinds: set[str] = field(default_factory=set)
    startup_seconds: float = 0.0
    pods: PodIndex = field(init=False)

    def __post_init__(self) -> None:
        self.pods = PodIndex(self.cluster.pods)

    @property
    def synced(self) -> bool:
        return all(self.cluster.store(kind).synced for kind in self.kinds)


class Clusters:
    """The sources of one process, filled from `start` on."""

    def __init__(self) -> None:
        self._sources: dict[Origin, Source] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def source_for(self, config: Config) -> Source:
        """The source that a directive names. Raises ConfigError for what can't be watched yet."""
        if config.endpoint:
            raise ConfigError("kubernetes: endpoint is not supported yet; use kubeconfig, or the pod's service account")
        if config.labels:
            raise ConfigError("kubernetes: labels is not supported yet; remove it")
        source = self._sources.setdefault(Origin(config.manifests, config.kubeconfig, config.context), Source())
        source.kinds |= set(config.kinds)
        source.startup_seconds = max(source.startup_seconds, config.startup_timeout)
        return source

    async def start(self) -> None:
        """Begin to fill the stores, and wait until they are full, or for the longest startup_timeout.

        Raises ConfigError for manifests that can't be read; an API server that does not answer is waited for later.
        """
        for origin, source in self._sources.items():
            if origin.manifests:
                folder = ManifestFolder(Path(origin.manifests), source.cluster)
                folder.load()
                self._tasks.append(eternal(f"manifests {origin.manifests}", folder.watch))
            else:
                watch = ClusterWatch(
                    source.cluster,
                    origin.kubeconfig or None,
                    frozenset(source.kinds),
                    context=origin.context or None,
                    field_selectors={"Pod": UNFINISHED_PODS},
                )
                self._tasks.append(eternal("kubernetes watch", watch.run))
        patience = max((source.startup_seconds for source in self._sources.values()), default=0.0)
        try:
            async with asyncio.timeout(patience):
                while not all(source.synced for source in self._sources.values()):  # noqa: ASYNC110 (once, at start)
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            _log.warning("serving with an unsynced Kubernetes API: cluster names are SERVFAIL until it answers")

    async def close(self) -> None:
        """Stop filling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
