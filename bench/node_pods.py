"""nodelocal with the search walk, in a small cluster and in a large one, with as many pods on its own node.

Pods of other nodes never reach the process (`spec.nodeName`), so both should cost the same.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.large_cluster import ask, ask_for_changes, running, wait_for
from bench.processes import start
from bench.synthetic_cluster import Size, SyntheticCluster
from bench.table import print_table
from clusterdns.demo.processes import free_ports
from tests.support.kubeconfig import write_kubeconfig

_NODES = (100, 5000)
_PODS_PER_NODE = 30
_CHANGES_PER_NODE = 0.1
"""A second."""
_SECONDS = 10
_PATIENCE_SECONDS = 60.0


def bench_node_pods(folder: Path) -> None:
    """Print both clusters' costs: resident set and CPU time until pods and namespaces are known, then with changes."""
    rows = [_measure(folder / str(nodes), Size(nodes * _PODS_PER_NODE, nodes * 2, nodes)) for nodes in _NODES]
    title = f"autopath @node, {_PODS_PER_NODE} pods on the node, {_CHANGES_PER_NODE:g} changes a second on each node"
    head = (
        "nodes",
        "pods in the cluster",
        "on this node",
        "memory",
        "CPU until known",
        f"CPU of {_SECONDS} s after that",
    )
    print_table(title, head, rows)


def _measure(folder: Path, size: Size) -> tuple[str, ...]:
    folder.mkdir()
    api, dns = free_ports(2)
    corefile = folder / "Corefile"
    corefile.write_text(
        f"cluster.local:{dns} {{\n    autopath @node\n    cache\n    whoami\n}}\n.:{dns} {{\n    whoami\n}}\n"
    )
    numbers = (str(api), str(size.pods), str(size.services), f"{folder}/times", str(size.nodes))
    with running(folder, "api", "bench.synthetic_api", *numbers):
        wait_for(api)
        switches = ["-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false", "-nodename", "node-0000"]
        switches += [
            "-metrics-listen-address=",
            "-prometheus-listen-address=",
            "-kubeconfig",
            write_kubeconfig(folder, api),
        ]
        command = [sys.executable, "-m", "nodelocal.service", "-conf", str(corefile), *switches]
        server = start("nodelocal", command, dns, folder / "nodelocal.log")
        try:
            deadline = time.monotonic() + _PATIENCE_SECONDS
            # Pods and namespaces; and the Service and the endpoints of cluster DNS, which are not there.
            while int(ask(api, "lists")) < 4:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"nodelocal did not read its pods:\n{(folder / 'nodelocal.log').read_text()}")
                time.sleep(0.05)
            time.sleep(1)
            known = server.cpu_seconds()
            rate = max(1, round(size.nodes * _CHANGES_PER_NODE))
            ask_for_changes(api, 0, rate * _SECONDS, rate)
            time.sleep(_SECONDS)
            here, _ = SyntheticCluster(size).objects("pods", "node-0000")
            return (
                f"{size.nodes:,}",
                f"{size.pods:,}",
                str(here),
                f"{server.memory_bytes() / 1e6:.1f} MB",
                f"{known:.2f} s",
                f"{server.cpu_seconds() - known:.2f} s",
            )
        finally:
            server.stop()
