"""nodelocal's real process walks for the pods beside it, whatever becomes of them, the API server or its Corefile."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import urllib.request
from pathlib import Path

from clusterdns.demo.internet import Internet
from clusterdns.demo.processes import free_ports
from tests.support.apiserver import ApiServerDouble
from tests.support.asking import ask, rcode

POD, OTHER, TOOL, FRESH = "127.0.30.1", "127.0.30.2", "127.0.30.3", "127.0.30.4"
INTERNET = """\
. 60 IN SOA a.root. hostmaster.root. 1 1800 900 604800 60
"""
WALK = "    autopath @node\n"
COREFILE = """\
cluster.local:{port} {{
    errors
{walk}    cache {{
        denial 9984 1 0
    }}
    forward . 127.0.0.1:{upstream} {{
        force_tcp
    }}
    prometheus 127.0.0.1:{metrics}
}}
.:{port} {{
    template IN A found {{
        answer "{{{{ .Name }}}} 300 IN A 192.0.2.1"
    }}
    template IN AAAA found {{
        answer "{{{{ .Name }}}} 300 IN AAAA 2001:db8::1"
    }}
    forward . 127.0.0.1:{upstream}
}}
"""


class Node:
    """nodelocal, the API server, and an upstream that knows nothing; every name below `found.` is there."""

    def __init__(self, folder: Path, api: ApiServerDouble) -> None:
        self.folder = folder
        self.api = api
        self.port, self._upstream, self._metrics = free_ports(3)
        (folder / "internet.zone").write_text(INTERNET)
        self.internet = Internet(folder / "internet.zone", "127.0.0.1", self._upstream)
        self._number = 0
        self.put_pod("client", POD, "shop")
        self.put_pod("other", OTHER, "billing")
        searches = {"searches": ["shop.svc.cluster.local", "tools.found"], "options": [{"name": "ndots", "value": "2"}]}
        self.put_pod("tool", TOOL, "shop", dnsPolicy="None", dnsConfig=searches)
        for namespace in ("shop", "billing"):
            api.put("Namespace", namespace)

    def put_pod(self, name: str, address: str, namespace: str, **spec: object) -> None:
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        self.api.put("Pod", name, namespace, spec={"nodeName": "node-a", **spec}, status=status)

    def write_corefile(self, walk: str) -> Path:
        path = self.folder / "Corefile"
        path.write_text(COREFILE.format(walk=walk, port=self.port, upstream=self._upstream, metrics=self._metrics))
        return path

    async def start(self) -> asyncio.subprocess.Process:
        await self.internet.start()
        switches = ["-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false", "-nodename", "node-a"]
        switches += ["-metrics-listen-address=", "-kubeconfig", self.api.kubeconfig(self.folder)]
        command = [sys.executable, "-m", "nodelocal.service", "-conf", str(self.write_corefile(WALK)), *switches]
        with (self.folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return process

    async def look_up(self, client: str, namespace: str) -> list[str]:
        """The rcodes for A and AAAA of a new name with this namespace's first domain."""
        self._number += 1
        name = f"x{self._number}.found.{namespace}.svc.cluster.local"
        return [rcode(await ask(self.port, f"{name} {qtype}", source=client)) for qtype in ("A", "AAAA")]

    async def finds(self, client: str, namespace: str) -> bool:
        """Whether such a name is found for the client; A and AAAA agree."""
        found, also_found = await self.look_up(client, namespace)
        assert found == also_found
        return found == "NOERROR"

    async def until(self, client: str, namespace: str, expected: str = "NOERROR") -> None:
        """Look up until both say so. In between the address may have passed to a pod that asked one of the two only."""
        async with asyncio.timeout(30):
            while await self.look_up(client, namespace) != [expected] * 2:
                pass

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=10) as page:
            text = page.read().decode()
        values = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert values, f"no {name} in\n{text}"
        return sum(map(float, values))


def test_the_walk_on_a_node_through_its_life(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ApiServerDouble() as api:
            node = Node(tmp_path, api)
            await api.stop()
            process = await node.start()
            try:
                await _lives(node, api, process)
            finally:
                process.terminate()
                await process.wait()
                await node.internet.close()

    asyncio.run(scenario())


async def _lives(node: Node, api: ApiServerDouble, process: asyncio.subprocess.Process) -> None:
    # Without the API server there are plain answers.
    await node.until(POD, "shop", "NXDOMAIN")
    await api.start()
    await node.until(POD, "shop")
    await _each_pod_has_its_own_list(node)
    await _pods_come_and_go(node)
    # The API server is away again: what is known stays.
    await api.stop()
    assert await node.finds(FRESH, "shop")
    await api.start()
    await asyncio.to_thread(_metrics_tell, node)
    node.write_corefile("")
    process.send_signal(signal.SIGUSR1)
    await node.until(FRESH, "shop", "NXDOMAIN")
    node.write_corefile(WALK)
    process.send_signal(signal.SIGUSR1)
    await node.until(FRESH, "shop")


async def _each_pod_has_its_own_list(node: Node) -> None:
    assert not await node.finds(POD, "billing")
    assert not await node.finds(OTHER, "shop")
    assert await node.finds(OTHER, "billing")
    for name in ("a", "a.b", "a.b.c"):
        answer = await ask(node.port, f"{name}.shop.svc.cluster.local A", source=TOOL)
        assert str(answer.answer[0][0]) == f"{name}.tools.found."


async def _pods_come_and_go(node: Node) -> None:
    # The address passes from one namespace to the other while it asks.
    name = "same.found.shop.svc.cluster.local A"
    assert rcode(await ask(node.port, name, source=POD)) == "NOERROR"
    node.api.delete("Pod", "client", "shop")
    node.put_pod("heir", POD, "billing")
    await node.until(POD, "billing")
    assert rcode(await ask(node.port, name, source=POD)) == "NXDOMAIN"
    assert not await node.finds(POD, "shop")
    # A pod whose event has not come is answered plainly, then searched for.
    assert not await node.finds(FRESH, "shop")
    node.put_pod("fresh", FRESH, "shop")
    await node.until(FRESH, "shop")


def _metrics_tell(node: Node) -> None:
    label = f'server="dns://127.0.0.1:{node.port}"'
    assert node.metric(f"clusterdns_autopath_walks_total{{{label}}}") > 3
    assert node.metric(f"clusterdns_autopath_queries_saved_total{{{label}}}") > 3
    for reason in ("unknown_client", "not_first_domain"):
        assert node.metric(f'clusterdns_autopath_plain_total{{reason="{reason}",{label}}}') > 0
    for reason in ("off", "hold_down", "given_up"):
        assert node.metric(f'clusterdns_autopath_plain_total{{reason="{reason}",{label}}}') >= 0
    host = f"127.0.0.1:{node.api.port}"
    assert node.metric(f'clusterdns_kubernetes_lists_total{{host="{host}",resource="pods"}}') >= 1
