"""A node with nodelocal, a pod on it, the cluster's DNS and the Internet, in two network namespaces.

    pod 10.244.1.2 ── veth ── node: nodelocal 169.254.20.10 ──► autopath 127.0.0.1:5301 (no search walk there)
                                                            └─► Internet 127.0.0.1:5302

The pod's resolv.conf is as the kubelet writes it, and bound over the machine's own for the resolver's process alone.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from bench.resolvers.programs import Resolver
from tests.support.netns import Namespaces

LOCAL = "169.254.20.10"
POD = "10.244.1.2"
SEARCH = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
_METRICS = 9253
_PATIENCE_SECONDS = 30.0
_AS_POD = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
_MANIFESTS = """\
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: billing}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.1.10, clusterIPs: [10.96.1.10, "fd00:96::10"], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: billing}
spec: {clusterIP: 10.96.2.10, clusterIPs: [10.96.2.10], ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, uid: client}
spec: {nodeName: node-a, containers: [{name: client, image: client}]}
status: {phase: Running, podIP: 10.244.1.2, podIPs: [{ip: 10.244.1.2}], startTime: "2026-01-01T00:00:00Z"}
"""
_INTERNET = """\
. 60 IN SOA a.root. hostmaster.root. 1 1800 900 604800 60
aliyun.com. 300 IN A 192.0.2.1
aliyun.com. 300 IN A 192.0.2.2
aliyun.com. 300 IN AAAA 2001:db8::1
"""
_AUTOPATH = """\
.:5301 {{
    bind 127.0.0.1
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        manifests {manifests}
        fallthrough in-addr.arpa ip6.arpa
    }}
    cache 30
    forward . 127.0.0.1:5302
}}
"""
_NODELOCAL = """\
cluster.local:53 {{
    bind {local}
    errors
{walk}\
    cache {{
        success 9984 30
        denial 9984 1 0
    }}
    forward . 127.0.0.1:5301 {{
        force_tcp
    }}
    prometheus 127.0.0.1:{metrics}
}}
.:53 {{
    bind {local}
    errors
    cache 30
    forward . 127.0.0.1:5302
    prometheus 127.0.0.1:{metrics}
}}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One look-up: the addresses, how long it took, what the client asked nodelocal and what that asked upstream."""

    addresses: frozenset[str]
    microseconds: int
    client_queries: int
    upstream_queries: int


class Scene:
    """The namespaces and servers; they end with `namespaces`."""

    def __init__(self, namespaces: Namespaces, folder: Path) -> None:
        self._folder = folder
        self._node, self._pod = namespaces.make("node"), namespaces.make("pod")
        self._node.ip(
            f"link add pod type veth peer name eth0 netns {self._pod.name}",
            "addr add 10.244.1.1/24 dev pod",
            f"addr add {LOCAL}/32 dev lo",
            "link set pod up",
        )
        self._pod.ip(f"addr add {POD}/24 dev eth0", "link set eth0 up", "route add default via 10.244.1.1")
        manifests = folder / "cluster"
        manifests.mkdir()
        (manifests / "cluster.yaml").write_text(_MANIFESTS)
        (folder / "internet.zone").write_text(_INTERNET)
        (folder / "autopath.Corefile").write_text(_AUTOPATH.format(manifests=manifests))
        self._start("127.0.0.1", 5302, "bench.resolvers.internet", str(folder / "internet.zone"), "5302")
        self._start("127.0.0.1", 5301, "autopath.service", "-conf", str(folder / "autopath.Corefile"))
        self._nodelocal: subprocess.Popen[str] | None = None

    def start_nodelocal(self, walk: str = "") -> None:
        """Start nodelocal, with empty caches; `walk` are the lines of its Corefile that turn the search walk on."""
        self.stop_nodelocal()
        corefile = self._folder / "nodelocal.Corefile"
        corefile.write_text(
            _NODELOCAL.format(
                local=LOCAL, walk=walk.replace("MANIFESTS", str(self._folder / "cluster")), metrics=_METRICS
            )
        )
        switches = (
            "-localip",
            LOCAL,
            "-setupinterface=false",
            "-setupiptables=false",
            "-metrics-listen-address=",
            "-nodename",
            "node-a",
        )
        self._nodelocal = self._start(LOCAL, 53, "nodelocal.service", "-conf", str(corefile), *switches)

    def stop_nodelocal(self) -> None:
        if self._nodelocal is not None:
            self._nodelocal.terminate()
            self._nodelocal.wait()
            self._nodelocal = None

    def look_up(self, resolver: Resolver, name: str) -> Outcome:
        """Look one name up in the pod. RuntimeError if the resolver fails for another reason than a missing name."""
        resolv_conf = self._folder / "resolv.conf"
        resolv_conf.write_text(
            f"search {' '.join(SEARCH)}\nnameserver {LOCAL}\noptions ndots:5 {resolver.options}\n", "ascii"
        )
        before = self._counters()
        command = ("unshare", "--mount", "sh", "-c", _AS_POD, str(resolv_conf), *resolver.command, name)
        microseconds, *addresses = self._pod.run(*command).split()
        after = self._counters()
        asked, forwarded = (then - now for then, now in zip(after, before, strict=True))
        return Outcome(frozenset(map(_canonical, addresses)), int(microseconds), asked, forwarded)

    def _counters(self) -> tuple[int, int]:
        """What nodelocal has been asked, and what it has asked."""
        url = f"http://127.0.0.1:{_METRICS}/metrics"
        text = self._node.call(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
        return _total(text, "coredns_dns_requests_total"), _total(text, "clusterdns_forward_requests_total")

    def _start(self, address: str, port: int, module: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a DNS server on the node and wait until it answers."""
        path = self._folder / f"{module}.log"
        with path.open("w") as log:
            process = self._node.start("python", "-m", module, *arguments, stdout=log, stderr=log)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._node.call(lambda: _answers(address, port)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{module} did not start:\n{path.read_text()}")
            time.sleep(0.05)
        return process


def _answers(address: str, port: int) -> bool:
    query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7cluster\5local\0\0\6\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        sock.connect((address, port))
        try:
            sock.send(query)
            # SERVFAIL: autopath has not read its manifests, or nodelocal does not reach it yet.
            return sock.recv(512)[3] & 15 != 2
        except OSError:
            return False


def _canonical(address: str) -> str:
    return str(ip_address(address))


def _total(text: str, metric: str) -> int:
    """The sum over all labels of a counter in the text that /metrics gives."""
    values = re.findall(rf"^{metric}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    return round(sum(map(float, values)))
