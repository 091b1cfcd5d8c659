"""Every recorded question is answered as recorded, whatever happens between autopath and its API server.

A whole server block, from the packet cache to `forward`, over a double of the API server; on virtual time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import pytest

from autopath.clusters import Clusters
from autopath.makers import makers_over
from autopath.service import DIRECTIVES
from clusterdns.corefile.parse import parse
from clusterdns.directives.assemble import Site, assemble
from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.config.server import load
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text
from clusterdns.wire.response import read_response
from tests.support import coredns_answers, messages, virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.coredns_answers.comparing import comparable, corrected, observed, put_into
from tests.support.until import until

COREFILE = """
. {{
    bind 127.0.0.1
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        {options}
    }}
    autopath @kubernetes
    forward . 192.0.2.53
}}
"""
UPSTREAM = {
    ("aliyun.com.", "A"): "aliyun.com. 300 IN A 1.1.1.1",
    ("mirrors.example.org.", "A"): "mirrors.example.org. 300 IN A 192.0.2.80",
    ("mirrors.example.org.", "AAAA"): "mirrors.example.org. 300 IN AAAA 2001:db8::80",
}
SOAS = {
    "10.in-addr.arpa.": "10.in-addr.arpa. 10800 IN SOA localhost. nobody.invalid. 1 3600 1200 604800 10800",
    "": ". 60 IN SOA a.root. b.root. 1 1800 900 604800 60",
}


async def upstream(request: Request) -> Reply:
    """Authority and resolver in one, as in the recorded session."""
    name, qtype = name_to_text(request.query.folded), numbers.type_name(request.query.qtype)
    found = UPSTREAM.get((name, qtype))
    message = messages.response(
        messages.query(name, qtype),
        answer=(found,) if found else (),
        authority=() if found else (next(soa for zone, soa in SOAS.items() if name.endswith(zone)),),
        rcode="NOERROR" if any(name == known for known, _ in UPSTREAM) else "NXDOMAIN",
        flags="QR AA RA",
    )
    return Reply(read_response(message), "forward")


def make_upstream(config: Any, site: Site, following: Handler) -> Handler:
    return upstream


class Scene:
    """An API server with the recorded cluster, and the server block that answers from what it says."""

    def __init__(self, server: ApiServerDouble, dispatcher: Dispatcher) -> None:
        self.server = server
        self._dispatcher = dispatcher

    def ask(self, question: str) -> dns.message.Message:
        name, qtype = question.split()
        query = messages.query(f"{name}.", qtype)
        answer = self._dispatcher.respond_udp(query, ("127.0.0.1", 5353), lambda late, to: None)
        assert answer is not None, f"{question} waits for something"
        return dns.message.from_wire(answer)

    def wrong_answers(self) -> list[Any]:
        """What is answered otherwise than recorded; each is asked often enough to come from the packet cache, too."""
        found = [
            (row["question"], got, expected)
            for row in coredns_answers.ROWS
            for expected in (comparable(corrected(row)),)
            for got in (observed(self.ask(row["question"])) for _ in range(3))
            if got != expected
        ]
        assert len(coredns_answers.ROWS) == 66
        return found

    async def until(self, question: str, expected: str) -> None:
        """Wait until that is the rcode."""
        await until(lambda: dns.rcode.to_text(self.ask(question).rcode()) == expected, 7200, 0.1)

    async def is_live(self, name: str) -> None:
        """A Service comes and goes, so that the watch is one again."""
        question = f"{name}.shop.svc.cluster.local A"
        self.server.put("Service", name, "shop", spec={"clusterIP": "10.96.9.9"})
        await self.until(question, "NOERROR")
        self.server.delete("Service", name, "shop")
        await self.until(question, "NXDOMAIN")


async def cut_in_an_event(scene: Scene) -> None:
    scene.server.cut_watches(in_event=True)


async def history_is_gone(scene: Scene) -> None:
    scene.server.end_watches()
    scene.server.put("Service", "unseen", "shop", spec={"clusterIP": "10.96.9.8"})
    scene.server.delete("Service", "unseen", "shop")
    scene.server.expire_history()


async def nothing_but_bookmarks(scene: Scene) -> None:
    await asyncio.sleep(1200)


async def gone_for_a_minute(scene: Scene) -> None:
    await scene.server.stop()
    for _ in range(6):
        await asyncio.sleep(10)
        assert scene.wrong_answers() == []
    await scene.server.start()


async def gone_with_its_history(scene: Scene) -> None:
    await scene.server.stop()
    scene.server.delete("Pod", "web-0", "shop")
    scene.server.expire_history()
    await asyncio.sleep(60)
    assert scene.wrong_answers() == []
    pod(scene.server, "web-0", "10.244.2.20", "2026-01-01T00:00:09Z")
    await scene.server.start()


async def an_address_is_reused_before_its_owner_is_gone(scene: Scene) -> None:
    """The addresses of both pods go to others and come back, each time before who had them is deleted."""
    for number, (name, address) in enumerate((("web-0", "10.244.2.20"), ("client", "127.0.0.1"))):
        pod(scene.server, f"{name}-next", address, f"2026-01-01T00:00:1{number}Z", namespace="data")
        await scene.until(f"{address.replace('.', '-')}.shop.pod.cluster.local A", "NXDOMAIN")
        scene.server.delete("Pod", name, "shop")
        pod(scene.server, name, address, f"2026-01-01T00:00:2{number}Z")
        await scene.until(f"{address.replace('.', '-')}.shop.pod.cluster.local A", "NOERROR")
        scene.server.delete("Pod", f"{name}-next", "data")


def pod(server: ApiServerDouble, name: str, address: str, started: str, namespace: str = "shop") -> None:
    status = {"phase": "Running", "podIPs": [{"ip": address}], "startTime": started}
    server.put("Pod", name, namespace, status=status)


EVENTS: list[Callable[[Scene], Awaitable[None]]] = [
    cut_in_an_event,
    history_is_gone,
    nothing_but_bookmarks,
    gone_for_a_minute,
    gone_with_its_history,
    an_address_is_reused_before_its_owner_is_gone,
]


@pytest.mark.parametrize("streams", [True, False], ids=["streamed lists", "paged lists"])
@pytest.mark.parametrize("happen", EVENTS)
def test_every_question_is_answered_as_recorded(
    tmp_path: Path, happen: Callable[[Scene], Awaitable[None]], streams: bool
) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            server.streams = streams
            put_into(server)
            text = COREFILE.format(kubeconfig=server.kubeconfig(tmp_path), options=coredns_answers.OPTIONS)
            clusters = Clusters()
            makers = {**makers_over(clusters), "forward": make_upstream}
            servers = load(parse(text, "Corefile", environ={}), DIRECTIVES)
            assembly = assemble(servers, clock=time.monotonic, makers=makers, watched=clusters.watched)
            scene = Scene(server, assembly.dispatchers["127.0.0.1", 53])
            try:
                await clusters.start()
                assert scene.wrong_answers() == []
                await happen(scene)
                await scene.is_live("late")
                assert scene.wrong_answers() == []
            finally:
                await clusters.close()

    virtual_time.run(main(), 7200)
