"""Pod source: the records that annotated Pods ask for. Semantics: ExternalDNS v0.22, source/pod.go.

    annotation hostname             the external addresses of the pod's node, and its internal ones of IPv6;
                                    with --pod-hostname-address=pod the pod's own
    annotation internal-hostname    the pod's own address
    --pod-source-domain=D           `<pod>.D` has the pod's own address
    --fqdn-template                 all of the pod's addresses

The annotation `target` replaces these addresses. A pod without address, one that has run to its end and one that is
about to go ask for nothing, whatever they are annotated with; with --pod-ready-only neither does one that is not ready.
Reads stores; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from clusterdns.kube.objects import Key, KubeObject, Pod
from clusterdns.kube.store import Cluster, Store
from externaldns.record import Endpoint, normalize_name
from externaldns.sources import node_addresses
from externaldns.sources.making import make_endpoints
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection


@dataclass(frozen=True, slots=True)
class PodOptions:
    """The flags of the same names; `hostname_address` and `ready_only` are this project's."""

    source_domain: str = ""
    ignore_non_host_network: bool = False
    hostname_address: Literal["node", "pod"] = "node"
    ready_only: bool = False


class PodSource(ObjectSource[Pod]):
    """Makes endpoints from the Pods and Nodes of `cluster`."""

    name = "pod"

    def __init__(self, cluster: Cluster, selection: Selection | None = None, options: PodOptions | None = None) -> None:
        super().__init__(cluster.pods, selection or Selection())
        self._nodes = cluster.nodes
        self._options = options or PodOptions()

    @property
    def stores(self) -> tuple[Store[Any], ...]:
        return (self._primary, self._nodes)

    def _concerned_by_other(self, kind: str, key: Key, old: KubeObject | None, new: KubeObject | None) -> Iterable[Key]:
        return self.made_of(kind, key) if node_addresses.differ(old, new) else ()

    def made_of(self, kind: str, key: Key) -> Iterable[Key]:
        return [pod.key for pod in self._primary if pod.node_name == key[1]]

    def _make(self, asking: Pod) -> Iterable[Endpoint]:
        options = self._options
        if not asking.ips or asking.finished or asking.terminating or (options.ready_only and not asking.ready):
            return []
        if options.ignore_non_host_network and not asking.host_network:
            return []
        annotations = self._selection.annotations(asking)
        resource = f"pod/{asking.namespace}/{asking.name}"
        chosen = annotations.targets()

        def endpoints(pairs: Iterable[tuple[str, str]]) -> Iterator[Endpoint]:
            return make_endpoints(pairs, annotations, resource, chosen=bool(chosen))

        return self._selection.combine(
            asking,
            endpoints(self._pairs(asking)),
            lambda name: endpoints((name, target) for target in chosen or asking.ips),
            resource,
        )

    def _pairs(self, asking: Pod) -> Iterator[tuple[str, str]]:
        """Yield the (name, target) pairs that annotations and --pod-source-domain ask for."""
        annotations = self._selection.annotations(asking)
        given = annotations.targets()
        if not self._selection.ignore_hostname_annotation:
            for name in annotations.names("hostname"):
                yield from ((name, target) for target in given or self._hostname_targets(asking))
            for name in annotations.names("internal-hostname"):
                yield from ((name, target) for target in given or asking.ips[:1])
        if self._options.source_domain:
            name = normalize_name(f"{asking.name}.{self._options.source_domain}")
            yield from ((name, target) for target in given or asking.ips[:1])

    def _hostname_targets(self, asking: Pod) -> tuple[str, ...]:
        if self._options.hostname_address == "pod":
            return asking.ips
        node = self._nodes.get("", asking.node_name)
        if node is None:
            return ()
        return node_addresses.reachable([node], "public", internal_ipv6=True)
