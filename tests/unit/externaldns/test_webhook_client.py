"""`--provider=webhook`: our client against our server, and against others that do not keep to the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from clusterdns.errors import ConfigError
from clusterdns.limits import WEBHOOK_BODY_BYTES
from externaldns.changes import NameChange, RecordChange
from externaldns.controller import Controller
from externaldns.domain_filter import ROOT, DomainFilter
from externaldns.ownership import TxtRegistry
from externaldns.providers.webhook import WebhookError, WebhookProvider
from externaldns.quota_metrics import export_webhook
from externaldns.record import Endpoint
from externaldns.sources.service import ServiceSource
from externaldns.webhook_protocol import MEDIA_TYPE
from tests.support import virtual_time
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of, service
from tests.unit.externaldns.test_webhook import WEB, served


def through_the_webhook(
    provider: MemoryProvider, body: Callable[[WebhookProvider], Any], domains: DomainFilter | None = None
) -> Any:
    async def run() -> Any:
        async with served(provider, domains) as url:
            client = WebhookProvider(url, read_timeout=5, write_timeout=5)
            try:
                return await body(client)
            finally:
                await client.close()

    return virtual_time.run(run())


def test_a_controller_works_through_the_webhook() -> None:
    provider = MemoryProvider(Endpoint("hand.ex.com", ("198.51.100.1",), "A", ttl=60))
    cluster = cluster_of(service("web"), service("db"), service("net", "web.ex.net"))

    async def body(client: WebhookProvider) -> None:
        controller = Controller([ServiceSource(cluster)], TxtRegistry("me"), client)
        await controller.run_once()
        assert provider.held() == [
            "a-db.ex.com TXT", "a-web.ex.com TXT", "db.ex.com A", "hand.ex.com A", "web.ex.com A",
        ]  # fmt: skip
        writes = provider.writes
        assert (await controller.run_once()).changed == ()
        assert provider.writes == writes
        cluster.services.put(service("web", target="192.0.2.9"))
        outcome = await controller.run_names(dict.fromkeys(controller.dirty_names(), 0.0))
        assert outcome.changed == ("web.ex.com",)
        assert provider.records["web.ex.com", "A", ""].targets == ("192.0.2.9",)

    through_the_webhook(provider, body, DomainFilter(("ex.com",)))


def test_without_zones_and_filter_any_name_may_go_there() -> None:
    provider = MemoryProvider()
    provider.zone_names = (ROOT,)

    async def body(client: WebhookProvider) -> None:
        source = ServiceSource(cluster_of(service("net", "web.ex.net")))
        await Controller([source], TxtRegistry("me"), client).run_once()
        assert provider.held() == ["a-web.ex.net TXT", "web.ex.net A"]

    through_the_webhook(provider, body)


def test_a_refused_change_is_each_names_error_and_read_again() -> None:
    provider = MemoryProvider(WEB)
    provider.refuses = {"new.ex.com"}
    new = Endpoint("new.ex.com", ("192.0.2.1",), "A")

    async def body(client: WebhookProvider) -> None:
        await client.read()
        [result] = await client.apply([NameChange("new.ex.com", (RecordChange(None, new),))])
        assert isinstance(result.error, WebhookError)
        assert "the answer is 500, not 204" in str(result.error)
        registry = CollectorRegistry()
        export_webhook(registry, client)
        assert set(generate_latest(registry).decode().splitlines()) >= {
            "external_dns_webhook_provider_records_requests_total 1.0",
            "external_dns_webhook_provider_records_errors_total 0.0",
            "external_dns_webhook_provider_applychanges_requests_total 1.0",
            "external_dns_webhook_provider_applychanges_errors_total 1.0",
            "external_dns_webhook_provider_adjustendpoints_requests_total 0.0",
        }
        reads = len(provider.read_at)
        assert (await client.look(["new.ex.com"])).records == ()
        assert len(provider.read_at) == reads + 1

    through_the_webhook(provider, body)


def test_a_dry_run_posts_no_change() -> None:
    provider = MemoryProvider(WEB)

    async def body(client: WebhookProvider) -> None:
        client._dry_run = True
        await client.read()
        [result] = await client.apply([NameChange("web.ex.com", (RecordChange(WEB, None),))])
        assert result.error is None
        assert provider.writes == 0

    through_the_webhook(provider, body)


def test_its_zones_are_the_domains_that_it_announces() -> None:
    async def body(client: WebhookProvider) -> None:
        assert await client.zones() == ("ex.com",)
        assert (await client.read()).zones == ("ex.com",)

    through_the_webhook(MemoryProvider(WEB), body)


NEW = Endpoint("new.ex.com", ("192.0.2.1",), "A")
CREATION = NameChange("new.ex.com", (RecordChange(None, NEW),))


async def read(client: WebhookProvider) -> None:
    await client.read()


async def adjust(client: WebhookProvider) -> None:
    await client.adjust([NEW])


async def apply(client: WebhookProvider) -> None:
    [result] = await client.apply([CREATION])
    if result.error is not None:
        raise result.error


@pytest.mark.parametrize(
    ("act", "status", "kind", "content", "message"),
    [
        (read, 201, MEDIA_TYPE, b"[]", "the answer is 201, not 200"),
        (read, 200, "application/json", b"[]", "the answer is application/json, not"),
        (read, 200, f"{MEDIA_TYPE};charset=utf-8", b"[]", "charset=utf-8, not"),
        (read, 200, MEDIA_TYPE, b"{", "not the webhook protocol's JSON"),
        (read, 200, MEDIA_TYPE, b"{}", "not the webhook protocol's JSON"),
        (read, 200, MEDIA_TYPE, b" " * (WEBHOOK_BODY_BYTES.default_int + 1), "the answer is longer than"),
        (read, 503, "text/plain", b"throttled", "the answer is 503, not 200: throttled"),
        (read, 404, "text/plain", b"x" * 1000, f"the answer is 404, not 200: {'x' * 200}$"),
        (adjust, 204, MEDIA_TYPE, b"", "the answer is 204, not 200"),
        (adjust, 200, MEDIA_TYPE, b"", "not the webhook protocol's JSON"),
        (apply, 200, MEDIA_TYPE, b"", "the answer is 200, not 204"),
        (apply, 500, "text/plain", b"refused", "the answer is 500, not 204: refused"),
        (apply, 413, "text/plain", b"", "the answer is 413, not 204"),
    ],
)
def test_answers_that_are_not_the_protocols(
    act: Callable[[WebhookProvider], Awaitable[None]], status: int, kind: str, content: bytes, message: str
) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        if request.path == "/":
            return web.Response(body=b"{}", headers={"Content-Type": MEDIA_TYPE})
        return web.Response(status=status, body=content, headers={"Content-Type": kind})

    with pytest.raises(WebhookError, match=message):
        against(handler, act)


@pytest.mark.parametrize("act", [read, adjust, apply])
def test_an_answer_that_does_not_come_is_not_waited_for(act: Callable[[WebhookProvider], Awaitable[None]]) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        if request.path == "/":
            return web.Response(body=b"{}", headers={"Content-Type": MEDIA_TYPE})
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits an hour")

    with pytest.raises(WebhookError, match=r"webhook (GET|POST) /\w+: no answer in 5 s"):
        against(handler, act)


def against(
    handler: Callable[[web.BaseRequest], Awaitable[web.Response]], act: Callable[[WebhookProvider], Awaitable[None]]
) -> None:
    """Let the client act against a server of others."""

    async def run() -> None:
        runner = web.ServerRunner(web.Server(handler), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = WebhookProvider(f"http://127.0.0.1:{runner.addresses[0][1]}", read_timeout=5, write_timeout=5)
        try:
            await act(client)
        finally:
            await client.close()
            await runner.cleanup()

    virtual_time.run(run())


def test_a_provider_that_is_still_starting_is_asked_five_times() -> None:
    async def run() -> None:
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        client = WebhookProvider("http://127.0.0.1:1", read_timeout=5, write_timeout=5, sleep=sleep)
        with pytest.raises(WebhookError, match="webhook GET /"):
            await client.read()
        assert pauses == [0.5, 1, 2, 4]
        await client.close()

    asyncio.run(run())


@pytest.mark.parametrize("url", ["", "localhost:8888", "ftp://x", "http://"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="--webhook-provider-url"):
        WebhookProvider(url, read_timeout=5, write_timeout=5)
