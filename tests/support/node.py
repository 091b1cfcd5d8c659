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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from clusterdns.forward.upstreams import Upstream
from nodelocal.nftables import TABLE, Elsewhere, Rules
from tests.support.netns import Namespace, Namespaces, send_signal, shell

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
}}
"""
_PATIENCE_SECONDS = 60.0

T = TypeVar("T")


@dataclass(frozen=True)
class Lookup:
    """One look-up of a pod: when, in seconds of the machine's monotonic clock; the address, or why there is none."""

    asked: float
    answered: float
    address: str
    error: str


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
        self.nodelocal: subprocess.Popen[str] | None = None

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

    def start_nodelocal(self, *flags: str) -> subprocess.Popen[str]:
        """Start nodelocal on the node, and wait until it is alive at every address."""
        corefile = self._folder / "Corefile"
        corefile.write_text(_COREFILE.format(server=SERVICE[0]))
        with (self._folder / "nodelocal.log").open("a") as log:
            self.nodelocal = self.node.start(
                *(
                    "python",
                    "-m",
                    "tests.support.hanging_nodelocal",
                    "-conf",
                    str(corefile),
                    "-basecorefile",
                    "/nonexistent",
                ),
                *(
                    "-localip",
                    ",".join(LOCAL),
                    "-upstreamsvc",
                    ",".join(SERVICE),
                    "-health-port",
                    "0",
                ),
                *("-metrics-listen-address", "", "-prometheus-listen-address", "", *flags),
                stderr=log,
            )
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

    def start_lookups(self, pod: int, server: str, *, each_second: int, seconds: float) -> Callable[[], list[Lookup]]:
        """Let a pod look up a new name so many times a second, through the C library, with default timeouts.

        Returns a function that waits for the end of all of them.
        """
        resolv_conf = self._folder / f"resolv-{pod}-{server.replace(':', '-')}.conf"
        resolv_conf.write_text(f"nameserver {server}\n")
        # `ip netns exec` has a mount namespace of its own, which ends with the process.
        client = shell("python", "-S", "-m", "tests.support.pod_lookups", str(each_second), str(seconds))
        process = self.pods[pod].start(
            "sh", "-c", f"mount --bind {resolv_conf} /etc/resolv.conf && exec {client}", stdout=subprocess.PIPE
        )

        def results() -> list[Lookup]:
            output, _ = process.communicate(timeout=_PATIENCE_SECONDS)
            return [Lookup(*fields) for fields in json.loads(output)]

        return results

    @staticmethod
    def wait_until(holds: Callable[[], bool], what: str) -> None:
        """Look again and again: the kernel tells nobody when an element of a set ends."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"it never happened that {what}"
            time.sleep(0.02)


def longest_gap(lookups: Sequence[Lookup]) -> float:
    """The longest time without any answer, in seconds, between the first answer and the last question."""
    end = max(lookup.asked for lookup in lookups)
    times = sorted(lookup.answered for lookup in lookups if not lookup.error)
    return max((later - earlier for earlier, later in itertools.pairwise(times) if earlier < end), default=0.0)
