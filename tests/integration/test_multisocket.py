"""Several autopath processes as one server: they answer alike, are started again, count together and end together."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import dns.asyncquery
import dns.message
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.autopath_process import Autopath
from tests.support.until import until

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    multisocket {count}
    health 127.0.0.1:{health}
    ready 127.0.0.1:{ready}
    prometheus 127.0.0.1:{metrics}
    kubernetes cluster.local {{
        manifests {manifests}
        ttl {ttl}
    }}
    reload 1h 1s
}}
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: {address}, ports: [{{port: 80}}]}}
"""

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
# Enough source ports that each of three processes gets some: all miss one with a chance of (2/3)^60.
_PORTS = 60


class Server(Autopath):
    """What it is asked comes from a new port each time, and the kernel chooses a process by that."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ports=["health", "metrics"])
        self.manifests = folder / "cluster"
        self.manifests.mkdir()
        (self.manifests / "namespace.yaml").write_text(NAMESPACE)
        self.add_service("web", "10.96.0.1")
        self.configure(3, 5)

    def configure(self, count: int, ttl: int) -> None:
        self.write_corefile(COREFILE, count=count, ttl=ttl, manifests=self.manifests)

    def add_service(self, name: str, address: str) -> None:
        (self.manifests / f"{name}.yaml").write_text(SERVICE.format(name=name, address=address))

    def children(self) -> set[int]:
        """The numbers of the processes that answer: all but the first, which starts them; numbers may begin anew."""
        path = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children")
        return {int(number) for number in path.read_text().split()[1:]}

    async def ask(self, name: str, patience: float = 5.0) -> str:
        """The records, or the rcode; empty for no answer: the process that had the question was killed."""
        try:
            query = dns.message.make_query(f"{name}.shop.svc.cluster.local", "A")
            answer = await dns.asyncquery.udp(query, "127.0.0.1", timeout=patience, port=self.port)
        except (OSError, dns.exception.Timeout):
            return ""
        return " ".join(rrset.to_text() for rrset in answer.answer) or dns.rcode.to_text(answer.rcode())

    async def everyone_says(self, name: str, patience: float = 5.0) -> set[str]:
        return set(await asyncio.gather(*(self.ask(name, patience) for _ in range(_PORTS))))

    async def page(self, name: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.ports[name]}/{name}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    async def counted(self, metric: str) -> float:
        _, text = await self.page("metrics")
        families = text_string_to_metric_families(text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == metric)


def test_several_processes_answer_as_one(tmp_path: Path) -> None:
    asyncio.run(_answer_as_one(tmp_path))


async def _answer_as_one(folder: Path) -> None:
    async with Server(folder) as server:
        assert len(server.children()) == 3
        assert await server.everyone_says("web") == {"web.shop.svc.cluster.local. 5 IN A 10.96.0.1"}
        assert await server.counted("coredns_dns_requests_total") == _PORTS
        for child in server.children():
            os.kill(child, signal.SIGSTOP)
            said = await server.everyone_says("web", 0.5)
            os.kill(child, signal.SIGCONT)
            assert said == {"", "web.shop.svc.cluster.local. 5 IN A 10.96.0.1"}, "each has its share"
        assert await server.counted("coredns_build_info") == 1
        assert await server.page("health") == (200, "OK")
        # What changes in the cluster reaches all of them.
        server.add_service("db", "10.96.0.2")
        await until(lambda: _is(server, "db", "db.shop.svc.cluster.local. 5 IN A 10.96.0.2"))
        (server.manifests / "db.yaml").unlink()
        await until(lambda: _is(server, "db", "NXDOMAIN"))


async def _is(server: Server, name: str, said: str) -> bool:
    return await server.everyone_says(name) == {said}


def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    asyncio.run(_start_again(tmp_path))


async def _start_again(folder: Path) -> None:
    async with Server(folder) as server:
        await server.everyone_says("web")
        before = await server.counted("coredns_dns_requests_total")
        server.add_service("late", "10.96.0.3")
        await until(lambda: _is(server, "late", "late.shop.svc.cluster.local. 5 IN A 10.96.0.3"))
        (victim, *others) = sorted(server.children())
        os.kill(victim, signal.SIGKILL)
        await until(lambda: len(server.children() - {victim}) == 3)
        assert set(others) <= server.children()
        await until(lambda: _ready(server))
        # It knows what was learnt before it began, and nothing that was counted is lost.
        assert await server.everyone_says("late") == {"late.shop.svc.cluster.local. 5 IN A 10.96.0.3"}
        assert await server.counted("coredns_dns_requests_total") >= before + _PORTS
        # One that hangs is not ready, and not healthy: the server is to be started anew.
        os.kill(others[0], signal.SIGSTOP)
        status, text = await server.page("health")
        assert (status, text) == (503, f"process {others[0]} does not answer")
        assert (await server.page("ready"))[0] == 503
        os.kill(others[0], signal.SIGCONT)
        await until(lambda: _ready(server))


async def _ready(server: Server) -> bool:
    return (await server.page("ready"))[0] == 200


def test_two_signals_end_a_process_as_gently_as_one(tmp_path: Path) -> None:
    """What signals to all processes of a service tells them twice, as the one above does so, too."""
    asyncio.run(_signal_to_all(tmp_path))


async def _signal_to_all(folder: Path) -> None:
    async with Server(folder) as server:
        await server.everyone_says("web")
        children = server.children()
        for number in children:
            os.kill(number, signal.SIGINT)
            os.kill(number, signal.SIGTERM)
        await until(lambda: len(server.children() - children) == 3)
        # What each had counted is the last that it says.
        assert await server.counted("coredns_dns_requests_total") == _PORTS


def test_a_changed_corefile_has_new_processes(tmp_path: Path) -> None:
    asyncio.run(_change(tmp_path))


async def _change(folder: Path) -> None:
    async with Server(folder) as server:
        before = server.children()
        server.corefile.write_text("wrong {")
        for number in (*before, server.program.pid):  # as `systemctl kill` does
            os.kill(number, signal.SIGUSR1)
        await until(lambda: _failed(server))
        assert server.children() == before
        assert all(map(_lives, before))
        server.configure(2, 7)
        os.kill(server.program.pid, signal.SIGUSR1)
        await until(lambda: _is(server, "web", "web.shop.svc.cluster.local. 7 IN A 10.96.0.1"))
        await until(lambda: len(server.children()) == 2 and not server.children() & before)
        await until(lambda: _ready(server))


async def _failed(server: Server) -> bool:
    return await server.counted("coredns_reload_failed_total") == 1


def test_all_end_with_the_one_above(tmp_path: Path) -> None:
    asyncio.run(_end(tmp_path))


async def _end(folder: Path) -> None:
    async with Server(folder) as server:
        children = server.children()
        await server.program.stop()
        assert not [number for number in children if _lives(number)]
        await server.program.start()
        children = server.children()
        await server.program.kill()
        await until(lambda: not [number for number in children if _lives(number)])


def _lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
