"""A node of a cluster in network namespaces: two pods, a cluster DNS of two servers, and kube-proxy's translation.

    pod 1 ── 10.244.1.0/24 ──┐
    pod 2 ── 10.244.2.0/24 ──┤ node ── 10.244.9.0/24 ── cluster DNS: .2 and .3
                             │   kube-proxy: 10.96.0.10 and .99 to .2, fd00:96::a and ::63 to fd00:244:9::2
                             └── nodelocal: 169.254.20.10, 10.96.0.10, fd00::10, fd00:96::a

The cluster DNS answers with the address of the client that it sees: a pod's, if the pod asked it directly, and the
node's, if nodelocal did. IPv6 is the same with fd00:244:1::/64 and so on.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType

from clusterdns.forward.upstreams import Upstream
from nodelocal.nftables import TABLE, Elsewhere, Rules
from tests.support.netns import Namespace, Namespaces, send_signal
from tests.support.pod_asking import Lookups, asking

LINK_LOCAL, CLUSTER_IP = "169.254.20.10", "10.96.0.10"
LINK_LOCAL_6, CLUSTER_IP_6 = "fd00::10", "fd00:96::a"
LOCAL = (LINK_LOCAL, CLUSTER_IP, LINK_LOCAL_6, CLUSTER_IP_6)
SERVICE = ("10.96.0.99", "fd00:96::63")
"""The Service by which nodelocal reaches cluster DNS, as CLUSTER_IP is its own."""
ENDPOINTS = ("10.244.9.2", "10.244.9.3", "fd00:244:9::2", "fd00:244:9::3")
NODE = ("10.244.9.1", "fd00:244:9::1")
PODS = (("10.244.1.2", "fd00:244:1::2"), ("10.244.2.2", "fd00:244:2::2"))

_KUBE_PROXY = """
table {ip} kube-proxy {{
    chain service {{ {ip} daddr {{ {services} }} meta l4proto {{ tcp, udp }} th dport 53 dnat to {endpoint}; }}
    chain prerouting {{ type nat hook prerouting priority dstnat; jump service; }}
    chain output {{ type nat hook output priority -100; jump service; }}
}}
"""
_COREFILE = """.:53 {{
    errors
    cache 30
    forward . {server}
    health 127.0.0.1:8080
    ready 127.0.0.1:8181
}}
"""
_PATIENCE_SECONDS = 60.0

Process = subprocess.Popen[str]


class Node:
    """The whole scene. Times of tests are the machine's; nothing here outlives `namespaces`."""

    def __init__(self, namespaces: Namespaces, folder: Path) -> None:
        self._folder = folder
        self.node = namespaces.make("node")
        self.pods = [namespaces.make("pod") for _ in PODS]
        self._cluster_dns = namespaces.make("dns")
        for number, pod in enumerate(self.pods, 1):
            self._connect(pod, f"pod{number}", number, "2")
        self._connect(self._cluster_dns, "dns", 9, "2", "3")
        self.node.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        # A node has a way to everywhere.
        self.node.ip("route add default via 10.244.9.2", "route add default via fd00:244:9::2")
        for ip, services, endpoint in (
            ("ip", f"{CLUSTER_IP}, {SERVICE[0]}", "10.244.9.2"),
            ("ip6", f"{CLUSTER_IP_6}, {SERVICE[1]}", "fd00:244:9::2"),
        ):
            self.node.run("nft", "-f", "-", given=_KUBE_PROXY.format(ip=ip, services=services, endpoint=endpoint))
        self._cluster_dns.start("python", "-m", "tests.support.echo_dns", *ENDPOINTS)
        self.nodelocal: Process | None = None
        self._numbers = itertools.count(1)

    def _connect(self, other: Namespace, name: str, network: int, *hosts: str) -> None:
        self.node.ip(f"link add {name} type veth peer name eth0 netns {other.name}")
        self.node.ip(
            f"addr add 10.244.{network}.1/24 dev {name}",
            f"addr add fd00:244:{network}::1/64 dev {name} nodad",
            f"link set {name} up",
        )
        for host in hosts:
            other.ip(
                f"addr add 10.244.{network}.{host}/24 dev eth0",
                f"addr add fd00:244:{network}::{host}/64 dev eth0 nodad",
            )
        other.ip(
            "link set eth0 up",
            f"route add default via 10.244.{network}.1",
            f"route add default via fd00:244:{network}::1",
        )

    def start_nodelocal(self, *flags: str, environment: Mapping[str, str] = MappingProxyType({})) -> Process:
        """Start nodelocal on the node, and wait until it has taken over and is alive at every address."""
        corefile, number = self._folder / "Corefile", next(self._numbers)
        pid_file = self._folder / f"nodelocal-{number}.pid"
        corefile.write_text(_COREFILE.format(server=SERVICE[0]))
        settings = {
            "-conf": str(corefile),
            "-basecorefile": "/nonexistent",
            "-localip": ",".join(LOCAL),
            "-upstreamsvc": ",".join(SERVICE),
            "-health-port": "0",
            "-metrics-listen-address": "",
            "-prometheus-listen-address": "",
            "-pidfile": str(pid_file),
        }
        with (self._folder / "nodelocal.log").open("a") as log:
            self.nodelocal = self.node.start(
                *("env", *(f"{name}={value}" for name, value in environment.items())),
                *("python", "-m", "tests.support.hanging_nodelocal"),
                *itertools.chain.from_iterable(settings.items()),
                *flags,
                stderr=log,
            )
        expected = f"{self.nodelocal.pid}\n"
        self.wait_until(lambda: pid_file.exists() and pid_file.read_text() == expected, "nodelocal has taken over")
        self.wait_until(lambda: self.alive() == set(LOCAL), "nodelocal is alive at every address")
        return self.nodelocal

    def know_endpoints(self) -> None:
        """Change the rules as nodelocal does when it learns of the endpoints of cluster DNS."""
        endpoints = tuple(Upstream(address, 53) for address in ENDPOINTS)
        self.node.run("nft", "-f", "-", given=Rules(LOCAL, 53).change(Elsewhere(endpoints)))

    def stop_nodelocal(self) -> int:
        """SIGTERM; its exit code."""
        assert self.nodelocal is not None
        send_signal(self.nodelocal, signal.SIGTERM)
        return self.nodelocal.wait(_PATIENCE_SECONDS)

    def alive(self) -> set[str]:
        """The addresses that the kernel takes for alive."""
        found: set[str] = set()
        for ip in ("ip", "ip6"):
            try:
                listed = json.loads(self.node.run("nft", "-j", "list", "set", ip, TABLE, "alive"))
            except AssertionError:
                continue
            for item in listed["nftables"]:
                for element in item.get("set", {}).get("elem", []):
                    found.add(element["elem"]["val"])
        return found

    def tracked(self, *flags: str) -> list[str]:
        """Entries of connection tracking, as conntrack(8) lists them."""
        return [
            line
            for family in ("ipv4", "ipv6")
            for line in self.node.run("conntrack", "-L", "-f", family, *flags).splitlines()
        ]

    def tracked_for(self, addresses: Iterable[str], *flags: str) -> list[str]:
        """The entries of connection tracking that name one of `addresses`."""
        words = {f"{side}={address}" for address in addresses for side in ("src", "dst")}
        return [line for line in self.tracked(*flags) if words.intersection(line.split())]

    def log(self) -> str:
        """What nodelocal has said so far."""
        return (self._folder / "nodelocal.log").read_text()

    def asking(self, pod: int, server: str, *, each_second: int, tcp: bool = False) -> AbstractContextManager[Lookups]:
        """A pod that looks up new names while the block runs."""
        return asking(self.pods[pod], server, each_second=each_second, folder=self._folder, tcp=tcp)

    @staticmethod
    def wait_until(holds: Callable[[], bool], what: str) -> None:
        """Look again and again: the kernel tells nobody when an element of a set ends."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"it never happened that {what}"
            time.sleep(0.02)
