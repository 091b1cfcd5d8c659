"""A node with two nodelocals, three pods on it, the cluster's DNS and the Internet, in network namespaces.

    pod 10.244.1.2 ──┐        nodelocal 169.254.20.10, without the search walk ──┐
    pod 10.244.2.2 ──┤ node ──┤                                                  ├─► autopath 127.0.0.1:5301 (no walk)
    pod 10.244.3.2 ──┘        nodelocal 169.254.20.11, with it ──────────────────┘ └► Internet 127.0.0.1:5302

A pod's resolv.conf is as the kubelet writes it, and bound over the machine's own for the resolver's process alone.
Names that begin with `ROUND` are there once for each round, so that none of them is in a cache.
"""

from __future__ import annotations

import json
import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from bench.resolvers.programs import Resolver
from tests.support.netns import Namespaces

LOCAL = {False: "169.254.20.10", True: "169.254.20.11"}
"""The address of nodelocal without and with the walk."""
_METRICS = {False: 9253, True: 9254}
_PATIENCE_SECONDS = 30.0
_AS_POD = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and its resolv.conf; `dns` are the fields of its spec that make it so."""

    namespace: str
    number: int
    search: tuple[str, ...]
    ndots: int
    dns: dict[str, Any]

    @property
    def addresses(self) -> tuple[str, str]:
        return f"10.244.{self.number}.2", f"fd00:244:{self.number}::2"


def _usual(namespace: str, number: int) -> Pod:
    return Pod(namespace, number, (f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"), 5, {})


_OWN = ("shop.svc.cluster.local", "tools.example")
PODS = {
    "client": _usual("shop", 1),
    "stranger": _usual("billing", 2),
    "tool": Pod(
        "shop",
        3,
        _OWN,
        2,
        {"dnsPolicy": "None", "dnsConfig": {"searches": _OWN, "options": [{"name": "ndots", "value": "2"}]}},
    ),
}
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
_WALK = "    autopath @node {\n        manifests MANIFESTS\n    }\n"
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

    def __init__(self, namespaces: Namespaces, folder: Path, rounds: int = 1) -> None:
        self._folder = folder
        self._node = namespaces.make("node")
        self._pods = {name: namespaces.make(name) for name in PODS}
        self._node.ip(*(f"addr add {address}/32 dev lo" for address in LOCAL.values()))
        for name, pod in PODS.items():
            four, six = (address.removesuffix("2") for address in pod.addresses)
            self._node.ip(
                f"link add {name} type veth peer name eth0 netns {self._pods[name].name}",
                f"addr add {four}1/24 dev {name}",
                f"link set {name} up",
            )
            self._pods[name].ip(
                f"addr add {four}2/24 dev eth0",
                f"addr add {six}2/64 dev eth0 nodad",
                "link set eth0 up",
                f"route add default via {four}1",
            )
        manifests = folder / "cluster"
        manifests.mkdir()
        for number, document in enumerate(_documents(rounds)):
            (manifests / f"{number}.json").write_text(json.dumps(document))
        (folder / "internet.zone").write_text("".join(_internet(rounds)))
        (folder / "autopath.Corefile").write_text(_AUTOPATH.format(manifests=manifests))
        self._start("127.0.0.1", 5302, "bench.resolvers.internet", str(folder / "internet.zone"), "5302")
        self._start("127.0.0.1", 5301, "autopath.service", "-conf", str(folder / "autopath.Corefile"))
        for walks in LOCAL:
            self._start_nodelocal(walks, _WALK.replace("MANIFESTS", str(manifests)) if walks else "")

    def _start_nodelocal(self, walks: bool, walk: str) -> None:
        corefile = self._folder / f"{LOCAL[walks]}.Corefile"
        corefile.write_text(_NODELOCAL.format(local=LOCAL[walks], walk=walk, metrics=_METRICS[walks]))
        switches = ("-setupinterface=false", "-setupiptables=false", "-metrics-listen-address=", "-nodename", "node-a")
        arguments = ("-conf", str(corefile), "-localip", LOCAL[walks], *switches)
        self._start(LOCAL[walks], 53, "nodelocal.service", *arguments)

    def look_up(self, resolver: Resolver, name: str, *, walks: bool, pod: str = "client") -> Outcome:
        """Look one name up in a pod, by nodelocal without or with the walk.

        Raises an error if the resolver fails for another reason than a missing name.
        """
        resolv_conf = self._folder / "resolv.conf"
        resolv_conf.write_text(
            f"search {' '.join(PODS[pod].search)}\nnameserver {LOCAL[walks]}\n"
            f"options ndots:{PODS[pod].ndots} {resolver.options}\n",
            "ascii",
        )
        before = self._counters(walks)
        command = ("unshare", "--mount", "sh", "-c", _AS_POD, str(resolv_conf), *resolver.command, name)
        microseconds, *addresses = self._pods[pod].run(*command).split()
        after = self._counters(walks)
        asked, forwarded = (then - now for then, now in zip(after, before, strict=True))
        return Outcome(frozenset(map(_canonical, addresses)), int(microseconds), asked, forwarded)

    def _counters(self, walks: bool) -> tuple[int, int]:
        """What nodelocal has been asked, and what it has asked."""
        url = f"http://127.0.0.1:{_METRICS[walks]}/metrics"
        text = self._node.call(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
        return _total(text, "coredns_dns_requests_total"), _total(text, "clusterdns_forward_requests_total")

    def _start(self, address: str, port: int, module: str, *arguments: str) -> None:
        """Start a DNS server on the node and wait until it answers."""
        path = self._folder / f"{module}-{address}.log"
        with path.open("w") as log:
            process = self._node.start("python", "-m", module, *arguments, stdout=log, stderr=log)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._node.call(lambda: _answers(address, port)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{module} did not start:\n{path.read_text()}")
            time.sleep(0.05)


def numbered(name: str, number: int) -> str:
    """The name of a round: `ROUNDaliyun.com` is `aliyun.com` in the first one, `n1-aliyun.com` in the next."""
    return name.replace("ROUND", "" if number == 0 else f"n{number}-")


def _documents(rounds: int) -> Iterator[dict[str, Any]]:
    for namespace in ("shop", "billing"):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for number in range(rounds):
        for namespace, name, addresses in (
            ("shop", "ROUNDweb", [f"10.96.{number >> 8}.{number & 255}", f"fd00:96::{number:x}"]),
            ("billing", "ROUNDapi", [f"10.97.{number >> 8}.{number & 255}"]),
        ):
            yield {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": numbered(name, number), "namespace": namespace},
                "spec": {"clusterIP": addresses[0], "clusterIPs": addresses, "ports": [{"port": 80}]},
            }
    for name, pod in PODS.items():
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": pod.namespace, "uid": name},
            "spec": {"nodeName": "node-a", "containers": [{"name": "main", "image": "main"}], **pod.dns},
            "status": {
                "phase": "Running",
                "podIP": pod.addresses[0],
                "podIPs": [{"ip": address} for address in pod.addresses],
                "startTime": "2026-01-01T00:00:00Z",
            },
        }


def _internet(rounds: int) -> Iterator[str]:
    yield ". 60 IN SOA a.root. hostmaster.root. 1 1800 900 604800 60\n"
    yield "ci.tools.example. 300 IN A 192.0.2.7\nmirror.ci.tools.example. 300 IN A 192.0.2.8\n"
    for number in range(rounds):
        name = numbered("ROUNDaliyun.com", number)
        yield f"{name}. 300 IN A 192.0.2.1\n{name}. 300 IN A 192.0.2.2\n{name}. 300 IN AAAA 2001:db8::1\n"


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
