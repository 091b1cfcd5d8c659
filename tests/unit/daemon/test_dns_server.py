"""A DNS server as a daemon: its sockets through start, replacement and stop, and what its pages say."""

from __future__ import annotations

import asyncio
import logging
import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.demo.processes import free_ports
from clusterdns.errors import ConfigError
from tests.support.upstream import ADDRESS, Do, Upstream
from tests.support.virtual_time import run
from tests.unit.daemon.serving import FOUR, SIX, Client, block, configured, page, serving, taken

families = pytest.mark.parametrize("address", [FOUR, SIX])


@families
def test_answers_over_udp_and_tcp_from_start_to_close(address: str) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with serving(block(address, port)) as server:
            assert server.addresses == [(address, port)]
            with Client(address, port) as client:
                assert await client.address_of() == "192.0.2.1"
            reader, writer = await asyncio.open_connection(address, port)
        assert await reader.read() == b""
        writer.close()
        with Client(address, port) as client, pytest.raises(ConnectionRefusedError):
            await client.ask()

    run(body())


@families
def test_a_replacement_keeps_the_sockets_and_loses_no_query(address: str) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with serving(block(address, port, "192.0.2.1")) as server:
            reader, writer = await asyncio.open_connection(address, port)
            seen: set[str] = set()
            answered: asyncio.Queue[None] = asyncio.Queue(1)
            stop = asyncio.Event()

            async def ask_on() -> None:
                with Client(address, port) as client:
                    while not stop.is_set():
                        # A query that got no answer would raise here, after a minute of the clock of this test.
                        seen.add(await client.address_of())
                        if not answered.full():
                            answered.put_nowait(None)

            clients = [asyncio.create_task(ask_on()) for _ in range(4)]
            for number in range(1, 12):
                if number > 1:
                    await server.replace(*configured(block(address, port, f"192.0.2.{number}")))
                for _ in range(20):
                    await answered.get()
                assert f"192.0.2.{number}" in seen
            stop.set()
            await asyncio.gather(*clients)
            assert seen == {f"192.0.2.{number}" for number in range(1, 12)}
            # A connection from before is still there, and is answered from the last configuration.
            with Client(address, port) as client:
                assert await client.address_of() == "192.0.2.11"
            writer.write(b"\0\x0c\x77\x77\x10\0" + bytes(8))
            assert (await reader.readexactly(4))[2:] == b"\x77\x77"
            writer.close()

    run(body())


@pytest.mark.parametrize("upstream_seconds", [0.05, 0.5])
def test_a_question_that_waits_for_its_upstream_outlives_a_replacement(upstream_seconds: float) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as upstream:
            text = f".:{port} {{\n bind {FOUR}\n cache\n forward . {FOUR}:{upstream.port}\n}}\n"
            async with serving(text) as server:
                former = server._assembly
                ((_, messages),) = former.parts.caches
                with Client(FOUR, port) as client:
                    for _ in range(2):
                        assert await client.address_of("kept.example") == ADDRESS
                    assert (messages.success_entries, len(former.dispatchers[FOUR, port].packets)) == (1, 1)
                    upstream.script = lambda _: Do.HOLD
                    asking = asyncio.create_task(client.address_of())
                    await upstream.wait_for(2)
                    await server.replace(*configured(block(FOUR, port, "192.0.2.2")))
                    await asyncio.sleep(upstream_seconds)
                    upstream.release()
                    assert await asking == ADDRESS
                # Once it has its answer, nothing of the former configuration stays open, or in memory.
                await asyncio.sleep(1)
                assert (messages.success_entries, len(former.dispatchers[FOUR, port].packets)) == (0, 0)
                assert upstream.open_connections == 0
                assert not server._retired

    run(body())


def test_new_addresses_open_and_removed_ones_close() -> None:
    async def body() -> None:
        first, second, third = free_ports(3)
        async with serving(block(FOUR, first) + block(FOUR, second)) as server:
            await server.replace(*configured(block(FOUR, second, "192.0.2.2") + block(SIX, third, "192.0.2.3")))
            assert set(server.addresses) == {(FOUR, second), (SIX, third)}
            with Client(FOUR, second) as kept, Client(SIX, third) as new, Client(FOUR, first) as gone:
                assert await kept.address_of() == "192.0.2.2"
                assert await new.address_of() == "192.0.2.3"
                with pytest.raises(ConnectionRefusedError):
                    await gone.ask()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(FOUR, first)

    run(body())


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["UDP", "TCP"])
def test_a_replacement_whose_address_is_taken_changes_nothing(kind: socket.SocketKind) -> None:
    async def body() -> None:
        port, page_port, new_port, new_page_port = free_ports(4)
        old = block(FOUR, port, more=f"health {FOUR}:{page_port}")
        async with serving(old) as server:
            with taken(kind) as other:
                changed = block(FOUR, new_port, "192.0.2.9", f"health {FOUR}:{new_page_port}") + block(FOUR, other)
                with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{other}: another program does"):
                    await server.replace(*configured(changed))
            assert server.addresses == [(FOUR, port)]
            with Client(FOUR, port) as client:
                assert await client.address_of() == "192.0.2.1"
            assert await page(page_port, "/health") == (200, "OK")
            with pytest.raises(aiohttp.ClientConnectorError):
                await page(new_page_port, "/health")
            with Client(FOUR, new_port) as client, pytest.raises(ConnectionRefusedError):
                await client.ask()
            # Nothing is left of the attempt: once the other program is gone, the same replacement works.
            await server.replace(*configured(changed))
            with Client(FOUR, new_port) as client:
                assert await client.address_of() == "192.0.2.9"

    run(body())


def test_pages_come_and_go_with_the_corefile() -> None:
    async def body() -> None:
        port, first, second = free_ports(3)
        async with serving(block(FOUR, port, more=f"health {FOUR}:{first}\n prometheus {FOUR}:{first}")) as server:
            assert (await page(first, "/health"))[0] == 200
            assert (await page(first, "/metrics"))[0] == 200
            assert (await page(first, "/ready"))[0] == 404
            await server.replace(*configured(block(FOUR, port, more=f"ready {FOUR}:{first}\n health {FOUR}:{second}")))
            assert (await page(first, "/ready"))[0] == 200
            assert (await page(first, "/metrics"))[0] == 404
            assert (await page(second, "/health"))[0] == 200
            await server.replace(*configured(block(FOUR, port)))
            with pytest.raises(aiohttp.ClientConnectorError):
                await page(first, "/ready")

    run(body())


def test_pages_of_the_program_s_own_stay_and_share_a_place_with_those_of_the_corefile() -> None:
    async def body() -> None:
        port, page_port = free_ports(2)
        own = {Endpoint(FOUR, page_port): {"/metrics": lambda: (200, "text/plain", b"own")}}
        server = DnsServer(*configured(block(FOUR, port, more=f"ready {FOUR}:{page_port}")), CollectorRegistry(), own)
        await server.start()
        try:
            assert await page(page_port, "/ready") == (200, "OK")
            assert await page(page_port, "/metrics") == (200, "own")
            await server.replace(*configured(block(FOUR, port)))
            assert await page(page_port, "/metrics") == (200, "own")
            assert (await page(page_port, "/ready"))[0] == 404
        finally:
            await server.close()

    run(body())


def test_a_page_whose_port_is_taken_stops_neither_start_nor_replacement(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        with taken(socket.SOCK_STREAM) as other:
            async with serving(block(FOUR, port, more=f"health {FOUR}:{other}")) as server:
                await server.replace(*configured(block(FOUR, port, "192.0.2.2", f"ready {FOUR}:{other}")))
                with Client(FOUR, port) as client:
                    assert await client.address_of() == "192.0.2.2"
        assert "DNS is served without /health" in caplog.text
        assert "DNS is served without /ready" in caplog.text

    run(body())


def test_metrics_say_what_was_answered() -> None:
    async def body() -> None:
        port, page_port = free_ports(2)
        async with serving(block(FOUR, port, more=f"prometheus {FOUR}:{page_port}")):
            with Client(FOUR, port) as client:
                for _ in range(3):
                    await client.ask()
                await client.ask("nobody.example.")
            status, text = await page(page_port, "/metrics")
            assert status == 200
            counts = {
                (sample.labels["server"], sample.labels["rcode"]): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "coredns_dns_responses_total"
            }
            assert counts == {
                (f"dns://{FOUR}:{port}", "NOERROR"): 3,
                (f"dns://{FOUR}:{port}", "NXDOMAIN"): 1,
            }

    run(body())


def test_ready_waits_for_what_is_late() -> None:
    async def body() -> None:
        port, page_port = free_ports(2)
        servers, assembly = configured(block(FOUR, port, more=f"ready {FOUR}:{page_port}"))
        synced = {"kubernetes": False, "other": True}
        assembly.parts.ready.extend((name, lambda name=name: synced[name]) for name in synced)  # type: ignore[misc]
        server = DnsServer(servers, assembly, CollectorRegistry())
        await server.start()
        try:
            assert await page(page_port, "/ready") == (503, "kubernetes")
            synced["kubernetes"] = True
            assert await page(page_port, "/ready") == (200, "OK")
            synced["kubernetes"] = False
            assert await page(page_port, "/ready") == (200, "OK")
        finally:
            await server.close()

    run(body())


def test_ready_continuously_may_be_not_ready_again() -> None:
    async def body() -> None:
        port, page_port = free_ports(2)
        more = f"ready {FOUR}:{page_port} {{\n monitor continuously\n }}"
        servers, assembly = configured(block(FOUR, port, more=more))
        synced = [True]
        assembly.parts.ready.append(("kubernetes", lambda: synced[0]))
        server = DnsServer(servers, assembly, CollectorRegistry())
        await server.start()
        try:
            assert await page(page_port, "/ready") == (200, "OK")
            synced[0] = False
            assert await page(page_port, "/ready") == (503, "kubernetes")
        finally:
            await server.close()

    run(body())


def test_after_the_signal_ready_says_no_at_once_and_questions_are_answered_through_the_lame_duck_period() -> None:
    async def body() -> None:
        port, page_port = free_ports(2)
        more = f"ready {FOUR}:{page_port}\n health {FOUR}:{page_port} {{\n lameduck 5s\n }}"
        async with serving(block(FOUR, port, more=more)) as server:
            stop = asyncio.Event()
            serving_on = asyncio.create_task(server.serve_until(stop))
            assert await page(page_port, "/ready") == (200, "OK")
            stop.set()
            await asyncio.sleep(0)
            assert await page(page_port, "/ready") == (503, "stopping")
            await asyncio.sleep(4.9)
            assert await page(page_port, "/health") == (200, "OK")
            with Client(FOUR, port) as client:
                assert await client.address_of() == "192.0.2.1"
                await serving_on
                with pytest.raises(ConnectionRefusedError):
                    await client.ask()

    run(body())


def test_health_is_that_of_answers() -> None:
    async def body() -> None:
        port, page_port = free_ports(2)
        async with serving(block(FOUR, port, more=f"health {FOUR}:{page_port}")) as server:
            await asyncio.sleep(10)
            assert await page(page_port, "/health") == (200, "OK")
            deaf = server._listeners[FOUR, port][0]
            deaf.respond = lambda *_: None
            await asyncio.sleep(10)
            assert await page(page_port, "/health") == (503, f"no answer on {FOUR}:{port}")
            await server.replace(*configured(block(FOUR, port, more=f"health {FOUR}:{page_port}")))
            await asyncio.sleep(10)
            assert await page(page_port, "/health") == (200, "OK")

    run(body())


def test_what_has_no_effect_is_said_once_and_again_when_it_is_new(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with serving(block(FOUR, port, more="debug")) as server:
            for more in ("debug", "debug\n pprof :6053", "pprof", "", "debug"):
                await server.replace(*configured(block(FOUR, port, more=more)))

    run(body())
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == [
        "accepted without effect: debug",
        "accepted without effect: pprof",
        "accepted without effect: debug",
    ]


def test_timeouts_are_those_of_the_block_and_change_with_it() -> None:
    async def body() -> None:
        first, second = free_ports(2)
        timeouts = "timeouts {\n read 2s\n idle 3s\n }"
        async with serving(block(FOUR, first, more=timeouts) + block(FOUR, second)) as server:
            loop = asyncio.get_running_loop()
            for port, seconds in ((first, 2), (second, 10)):
                started = loop.time()
                reader, writer = await asyncio.open_connection(FOUR, port)
                assert await reader.read() == b""
                writer.close()
                assert seconds <= loop.time() - started <= seconds + 2
            await server.replace(*configured(block(FOUR, first) + block(FOUR, second, more=timeouts)))
            started = loop.time()
            reader, writer = await asyncio.open_connection(FOUR, second)
            assert await reader.read() == b""
            writer.close()
            assert loop.time() - started <= 4

    run(body())
