"""A node that walks for the pods it knows, and tells autopath who asks: whoever the two know is searched for.

The names outside are two: what the node finds, and what autopath finds, has another address.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clusterdns.demo.pod import Pod
from clusterdns.demo.processes import Program, free_ports
from tests.support.asking import ask, lines

HERE, ELSEWHERE, FRESH, BLOG, NOBODY = (f"127.0.40.{number}" for number in range(1, 6))
"""Pods that both know, only autopath knows, only the node knows yet; one of another namespace; and nobody's address."""

AUTOPATH = """\
.:{port} {{
    bind 127.0.0.1
    ready 127.0.0.1:{ready}
    cache
    autopath @kubernetes {{
        trusted 127.0.0.1
    }}
    template IN A found {{
        answer "{{{{ .Name }}}} 300 IN A 192.0.2.2"
    }}
    template IN AAAA found {{
        answer "{{{{ .Name }}}} 300 IN AAAA 2001:db8::2"
    }}
    kubernetes cluster.local {{
        manifests {folder}
        pods verified
    }}
}}
"""
NODELOCAL = """\
cluster.local:{port} {{
    bind 127.0.0.1
    ready 127.0.0.1:{ready}
    cache
    autopath @node {{
        manifests {folder}
    }}
    forward . 127.0.0.1:{upstream} {{
        force_tcp
        client_subnet
    }}
}}
.:{port} {{
    bind 127.0.0.1
    cache
    template IN A found {{
        answer "{{{{ .Name }}}} 300 IN A 192.0.2.1"
    }}
    template IN AAAA found {{
        answer "{{{{ .Name }}}} 300 IN AAAA 2001:db8::1"
    }}
}}
"""
NAMESPACES = "\n---\n".join(
    f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}" for name in ("shop", "blog")
)
POD = """
---
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, namespace: {namespace}}}
spec: {{nodeName: {node}, containers: [{{name: main, image: main}}]}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}
"""
# Each pod with its namespace, who finds names outside for it, and how many questions that takes it.
FINDS = [
    (HERE, "shop", 2, 1),
    (ELSEWHERE, "shop", 2, 1),
    (FRESH, "shop", 1, 1),
    (BLOG, "blog", 2, 1),
    (NOBODY, "shop", 1, 4),
]


def _pod(address: str, namespace: str, node: str) -> str:
    return POD.format(number=address.rpartition(".")[2], address=address, namespace=namespace, node=node)


def _write(folder: Path, *pods: str) -> Path:
    folder.mkdir()
    (folder / "cluster.yaml").write_text(NAMESPACES + "".join(pods))
    return folder


@pytest.mark.parametrize("order", [1, -1], ids=["the node's pods first", "the others first"])
def test_each_pod_is_searched_for_by_who_knows_it(tmp_path: Path, order: int) -> None:
    upstream, upstream_ready, port, ready = free_ports(4)
    pods = [_pod(HERE, "shop", "node-a"), _pod(BLOG, "blog", "node-a"), _pod(ELSEWHERE, "shop", "node-b")]
    known = _write(tmp_path / "all", *pods)
    own = _write(tmp_path / "own", *pods, _pod(FRESH, "shop", "node-a"))
    (tmp_path / "autopath.Corefile").write_text(AUTOPATH.format(port=upstream, ready=upstream_ready, folder=known))
    (tmp_path / "Corefile").write_text(NODELOCAL.format(port=port, ready=ready, folder=own, upstream=upstream))
    given = ["-conf", str(tmp_path / "autopath.Corefile")]
    autopath = Program("autopath", "autopath.service", given, {}, tmp_path, f"http://127.0.0.1:{upstream_ready}/ready")
    given = ["-conf", str(tmp_path / "Corefile"), "-localip", "127.0.0.1", "-nodename", "node-a"]
    given += [
        "-setupinterface=false",
        "-setupiptables=false",
        "-metrics-listen-address=",
        "-prometheus-listen-address=",
    ]
    nodelocal = Program("nodelocal", "nodelocal.service", given, {}, tmp_path, f"http://127.0.0.1:{ready}/ready")

    async def look_up(name: str, client: str, namespace: str, finder: int) -> int:
        """How many questions it takes until the address is found that it is to be."""
        found = await Pod(client, namespace, ("127.0.0.1", port)).look_up(name)
        assert (client, *found.addresses) == (client, f"192.0.2.{finder}")
        pair = await ask(port, f"{found.asked[-1]} AAAA", source=client)
        assert [each.split()[-1] for each in lines(pair, "answer") if " AAAA " in each] == [f"2001:db8::{finder}"]
        assert not pair.options
        return found.sent

    async def main() -> None:
        try:
            await autopath.start()
            await nodelocal.start()
            for number, (client, namespace, finder, questions) in enumerate(FINDS[::order]):
                for _ in range(2):
                    assert await look_up(f"n{number}.found", client, namespace, finder) == questions
            # One name for all: what is kept, or decided, for one of them misleads no other.
            for client, namespace, finder, questions in FINDS[::order] * 2:
                assert await look_up("one.found", client, namespace, finder) >= questions
        finally:
            await nodelocal.stop()
            await autopath.stop()

    asyncio.run(main())
