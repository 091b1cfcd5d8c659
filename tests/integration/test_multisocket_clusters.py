"""Several autopath processes, and the clusters that one of them reads for all: away at first, changed, replaced."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import yaml

from tests.integration.autopath_process import Autopath
from tests.support.apiserver import ApiServerDouble
from tests.support.asking import lines, rcode
from tests.support.until import until

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    multisocket 2
    ready 127.0.0.1:{ready}
    kubernetes cluster.local in-addr.arpa {{
        {objects}
        startup_timeout 1s
    }}
    reload 1h 1s
}}
"""
WEB = "web.shop.svc.cluster.local A"
_TABLE = re.compile(r"(\d+) +/memfd:clusterdns-table")
_PATIENCE = 20.0
# All of so many questions go to one of two processes with a chance of 1 in 100 million.
_QUESTIONS = 28


class Server(Autopath):
    """Two processes that answer."""

    def answer_from(self, objects: str) -> None:
        self.write_corefile(COREFILE, objects=objects)

    async def everyone_says(self, question: str) -> set[str]:
        """What all processes answer: records, or the rcode."""
        return set(await asyncio.gather(*(self._say(question) for _ in range(_QUESTIONS))))

    async def _say(self, question: str) -> str:
        try:
            name, qtype = question.split()
            answer = await dns.asyncquery.udp(dns.message.make_query(name, qtype), "127.0.0.1", 0.5, self.port)
        except (OSError, dns.exception.Timeout):
            return "nothing"
        return " ".join(lines(answer, "answer")) or rcode(answer)

    async def until_all_say(self, question: str, said: str) -> None:
        async with asyncio.timeout(_PATIENCE):
            while await self.everyone_says(question) != {said}:
                pass

    def tables(self) -> dict[int, set[str]]:
        """Which tables each process has in its memory, by their inodes; that which starts the others has none."""
        pid = self.program.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = {}
        for number in (pid, *map(int, children)):
            try:
                found[number] = set(_TABLE.findall(Path(f"/proc/{number}/maps").read_text()))
            except OSError:
                continue  # it has just ended
        return {number: tables for number, tables in found.items() if tables}


def test_an_api_server_that_comes_late_and_goes_again(tmp_path: Path) -> None:
    async def main() -> None:
        server = Server(tmp_path, ready_status=503)
        async with ApiServerDouble() as api:
            api.put("Namespace", "shop")
            api.put("Service", "web", "shop", spec={"clusterIP": "10.96.0.1"})
            server.answer_from(f"kubeconfig {api.kubeconfig(tmp_path)}")
            await api.stop()
            async with server:
                await server.until_all_say(WEB, "SERVFAIL")
                await api.start()
                await server.until_all_say(WEB, _web("10.96.0.1"))
                # Both keep what they know, and so does a process that is started while the API server is away.
                await api.stop()
                before = server.tables()
                victim = max(before.keys() - {server.program.pid})
                os.kill(victim, signal.SIGKILL)
                await until(lambda: len(server.tables().keys() - {victim}) == len(before))
                await server.until_all_say(WEB, _web("10.96.0.1"))
                await api.start()
                api.put("Service", "web", "shop", spec={"clusterIP": "10.96.0.2"})
                await server.until_all_say(WEB, _web("10.96.0.2"))
                await server.until_all_say("1.0.96.10.in-addr.arpa PTR", "NXDOMAIN")

    asyncio.run(main())


def _web(address: str) -> str:
    return f"web.shop.svc.cluster.local. 5 IN A {address}"


def _manifests(folder: Path, address: str) -> Path:
    folder.mkdir()
    documents = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"clusterIP": address},
        },
    ]
    (folder / "cluster.yaml").write_text(yaml.safe_dump_all(documents))
    return folder


def test_a_cluster_that_a_reload_drops_leaves_the_memory_of_all(tmp_path: Path) -> None:
    first, second = (_manifests(tmp_path / str(number), f"10.96.0.{number}") for number in (1, 2))

    async def main() -> None:
        server = Server(tmp_path)
        server.answer_from(f"manifests {first}")
        async with server:
            before = server.tables()
            assert len(before) == 3
            assert len(set.union(*before.values())) == 1
            server.answer_from(f"manifests {second}")
            os.kill(server.program.pid, signal.SIGUSR1)
            await server.until_all_say(WEB, _web("10.96.0.2"))
            gone = set.union(*before.values())
            await until(lambda: not any(tables & gone for tables in server.tables().values()))
            assert len(server.tables()) == 3
            # What is left still changes.
            manifest = second / "cluster.yaml"
            manifest.write_text(manifest.read_text().replace("10.96.0.2", "10.96.0.3"))
            await server.until_all_say(WEB, _web("10.96.0.3"))

    asyncio.run(main())
