"""Where the cluster's DNS is: the servers that `__PILLAR__CLUSTER__DNS__` stands for.

    -upstreamsvc IP[:PORT],...      ──► these
    -upstreamsvc NAME               ──► <NAME>_SERVICE_HOST of the environment, as node-cache; unset: as the next
    -upstreamsvc NAMESPACE/NAME     ──► the Service, watched: its cluster IPs, or without any its ready endpoints

The API server is asked only where the environment does not have the answer or a namespace is given: it costs memory,
and the published manifest has no right to it. Where it is watched, `endpoints` has the servers behind the Service, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Position, Token
from clusterdns.daemon.lifecycle import eternal
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from clusterdns.kube.access import Access
from clusterdns.kube.api import check_access
from clusterdns.kube.objects import EndpointPort, EndpointSlice, Service, ServicePort
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import ClusterWatch
from clusterdns.limits import KUBERNETES_STARTUP_SECONDS, PORT, UPSTREAMS

_FLAG = "-upstreamsvc"
# RFC 1123 section 2.1, as Kubernetes restricts the names of Services and namespaces.
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:(?P<namespace>{_LABEL})/)?(?P<service>{_LABEL})")
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_USUAL_NAMESPACE = "kube-system"
_NO_API_SERVER = "there is neither a service account's token nor -kubeconfig"
_POLL_SECONDS = 0.02

Listener = Callable[[tuple[Upstream, ...]], None]


class NoClusterDns(ConfigError):
    """Nobody says where the cluster's DNS is; where a Service is watched, somebody may later."""


@dataclass(frozen=True, slots=True)
class Target:
    """What `-upstreamsvc` means: `servers`, or a Service, whose namespace is empty if none was given."""

    servers: tuple[Upstream, ...] = ()
    service: str = ""
    namespace: str = ""


def read_target(text: str) -> Target:
    """Read `-upstreamsvc`. Raises ConfigError."""
    words = [word.strip() for word in text.split(",")]
    servers = [server for word in words if (server := _server(word)) is not None]
    if len(servers) == len(words):
        return Target(tuple(dict.fromkeys(servers)))
    match = _NAME.fullmatch(text)
    if match is None:
        raise ConfigError(
            f'"{text}" is neither a Service nor addresses: write NAME, NAMESPACE/NAME or IP[:PORT],...', source=_FLAG
        )
    return Target((), match["service"], match["namespace"] or "")


def _server(word: str) -> Upstream | None:
    try:
        address, port = reading.host_and_port(Token(word, "word", Position(_FLAG, 1, 1), 1), PORT.default_int)
    except ConfigError:
        return None
    return Upstream(address, port) if reading.is_address(address) and port else None


def own_namespace(file: Path = _NAMESPACE_FILE) -> str:
    """The namespace of this pod, or, outside of a pod or without a token, the one where cluster DNS usually is."""
    try:
        return file.read_text("utf-8").strip() or _USUAL_NAMESPACE
    except (OSError, UnicodeDecodeError):
        return _USUAL_NAMESPACE


def environment_name(service: str) -> str:
    """The variable that the kubelet sets to a Service's cluster IP, for Services older than the container."""
    return f"{service.upper().replace('-', '_')}_SERVICE_HOST"


def servers_of(service: Service) -> tuple[Upstream, ...]:
    """The cluster IPs of a Service, with the port that DNS has there; empty if it has none."""
    port = _dns_port(service.ports)
    return () if port is None else tuple(Upstream(address, port) for address in service.cluster_ips)


def endpoints_of(service: str, slices: Iterable[EndpointSlice]) -> tuple[Upstream, ...]:
    """The servers behind a Service that are ready and not about to end, sorted, each once."""
    found: set[Upstream] = set()
    for each in slices:
        port = _dns_port(each.ports)
        if each.service != service or each.address_type not in ("IPv4", "IPv6") or port is None:
            continue
        for endpoint in each.endpoints:
            if endpoint.ready and not endpoint.terminating:
                found.update(Upstream(address, port) for address in endpoint.addresses)
    return tuple(sorted(found, key=lambda server: (":" in server.address, server.address, server.port)))


def choose(endpoints: Iterable[Upstream], seed: str) -> tuple[Upstream, ...]:
    """All, in their order, or as many as a Corefile takes: others for another `seed`, so that nodes spread over them.

    One that comes or goes moves at most one other.
    """

    def rank(server: Upstream) -> bytes:
        return hashlib.sha256(f"{seed} {server}".encode()).digest()

    found = tuple(endpoints)
    chosen = set(sorted(found, key=rank)[: int(UPSTREAMS.maximum)])
    return tuple(server for server in found if server in chosen)


def _dns_port(ports: Iterable[ServicePort | EndpointPort]) -> int | None:
    """The port of DNS: by its usual names, else 53. One number for UDP and TCP, as a Corefile has it."""
    numbers = {each.name: each.port for each in ports if each.protocol in ("TCP", "UDP") and each.port}
    for name in ("dns-tcp", "dns"):
        if name in numbers:
            return numbers[name]
    return PORT.default_int if PORT.default_int in numbers.values() else None


class ClusterDns:
    """Finds the servers, and follows them where they are watched.

    `kubeconfig` is a path; empty is this pod's service account. `namespace` is the one that this pod is in.
    `seed`, the node's name, spreads nodes over the endpoints of a Service that has more than a Corefile takes.
    """

    def __init__(
        self,
        target: Target,
        environ: Mapping[str, str],
        *,
        kubeconfig: str = "",
        namespace: str = "",
        seed: str = "",
    ) -> None:
        self._target = target
        self._kubeconfig = kubeconfig or None
        own = namespace or own_namespace()
        self._namespace = target.namespace or own
        self._in_own_namespace = self._namespace == own
        self._variable = environment_name(target.service)
        # The kubelet tells a pod of the Services of its own namespace only.
        self._in_environment = environ.get(self._variable, "") if self._in_own_namespace else ""
        # Asked before the client is loaded, which takes longer than all the rest of the start.
        self._in_cluster = "KUBERNETES_SERVICE_HOST" in environ
        self._seed = seed or socket.gethostname()
        self._cluster = Cluster()
        self._task: asyncio.Task[None] | None = None
        self._why_not_watched = ""
        self._listeners: list[Listener] = []
        self.endpoints: tuple[Upstream, ...] = ()
        """The servers behind the Service, as far as it is watched."""

    @property
    def watched(self) -> bool:
        """Whether the Service is followed: what is not known now may be known later."""
        return self._task is not None

    def subscribe(self, listener: Listener) -> None:
        """Call `listener(endpoints)` now, and whenever they are others."""
        self._listeners.append(listener)
        listener(self.endpoints)

    async def start(self) -> None:
        """Begin to watch, if that is needed; without an answer from elsewhere, wait for the first one, but no longer
        than KUBERNETES_STARTUP_SECONDS.
        """
        if self._target.servers or (self._in_environment and not self._target.namespace):
            return
        if self._kubeconfig is None and not self._in_cluster:
            self._why_not_watched = _NO_API_SERVER
            return
        access = Access(self._kubeconfig or "")
        try:
            await check_access(access)
        except ConfigError as error:
            self._why_not_watched = str(error) if self._kubeconfig else _NO_API_SERVER
            return
        for store in (self._cluster.services, self._cluster.endpoint_slices):
            store.subscribe(lambda old, new: self._look())
        watch = ClusterWatch(
            self._cluster,
            access,
            frozenset({"Service", "EndpointSlice"}),
            self._namespace,
            field_selectors={"Service": f"metadata.name={self._target.service}"},
        )
        self._task = eternal("cluster DNS watch", watch.run)
        if self._in_environment:
            return
        try:
            async with asyncio.timeout(KUBERNETES_STARTUP_SECONDS.default):
                while not self._synced:  # noqa: ASYNC110 (once, at start)
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            pass  # `servers` says what is missing

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def servers(self) -> tuple[Upstream, ...]:
        """Whom to forward the cluster's names to, as known now; never more than a Corefile takes.

        Raises NoClusterDns saying what is missing.
        """
        if self._target.servers:
            return self._target.servers
        service = self._cluster.services.get(self._namespace, self._target.service)
        if service is not None and (found := servers_of(service) or choose(self.endpoints, self._seed)):
            return found
        if self._in_environment and not self._synced:
            server = _server(self._in_environment)
            if server is None:
                raise NoClusterDns(f'"{self._in_environment}" is not an IP address', source=self._variable)
            return (server,)
        raise NoClusterDns(self._what_is_missing(service), source=_FLAG)

    @property
    def _synced(self) -> bool:
        return self._cluster.services.synced and self._cluster.endpoint_slices.synced

    def _look(self) -> None:
        endpoints = endpoints_of(self._target.service, self._cluster.endpoint_slices)
        if endpoints != self.endpoints:
            self.endpoints = endpoints
            for listener in self._listeners:
                listener(endpoints)

    def _what_is_missing(self, service: Service | None) -> str:
        name = f"{self._namespace}/{self._target.service}"
        if not self.watched:
            unset = (
                f"{self._variable} is not set (it is in pods younger than the Service), and " * self._in_own_namespace
            )
            return (
                f"the cluster's DNS, the Service {name}, can't be found: {unset}the API server can't be asked "
                f"({self._why_not_watched}); give the name of a Service that has a cluster IP, or an address"
            )
        if not self._synced:
            return f"the cluster's DNS can't be found yet: the API server has not told of the Service {name}"
        if service is None:
            return f"there is no Service {name}"
        if service.cluster_ips:
            return f"the Service {name} has no port named dns or dns-tcp, and no port 53"
        return f"the Service {name} has no cluster IP and no endpoint that is ready"
