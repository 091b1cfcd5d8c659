"""The webhook protocol, both sides: the table of ExternalDNS's calls, and our client against our server."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from clusterdns.errors import ClusterDNSError, ConfigError
from externaldns.changes import NameChange, RecordChange
from externaldns.controller import Controller
from externaldns.domain_filter import DomainFilter
from externaldns.ownership import TxtRegistry
from externaldns.providers.webhook import WebhookError, WebhookProvider
from externaldns.quota_metrics import export_webhook
from externaldns.record import Endpoint
from externaldns.sources.service import ServiceSource
from externaldns.webhook_protocol import MEDIA_TYPE, BadPayload, decode_changes, decode_endpoints, decode_filter
from externaldns.webhook_server import WebhookServer
from tests.support import virtual_time
from tests.unit.externaldns.test_controller import MemoryProvider, cluster_of, service

WEB = Endpoint("web.ex.com", ("192.0.2.1",), "A", ttl=60)
WEB_JSON = {"dnsName": "web.ex.com", "targets": ["192.0.2.1"], "recordType": "A", "recordTTL": 60}
NEW_JSON = {"dnsName": "New.ex.com.", "targets": ["192.0.2.7"], "recordType": "A"}
ACCEPT = {"Accept": MEDIA_TYPE}
CONTENT = {"Content-Type": MEDIA_TYPE}


@asynccontextmanager
async def served(provider: MemoryProvider, domains: DomainFilter | None = None) -> AsyncIterator[str]:
    server = WebhookServer(provider, domains or DomainFilter())
    host, port = await server.start("127.0.0.1", 0)
    try:
        yield f"http://{host}:{port}"
    finally:
        await server.close()


def call(
    provider: MemoryProvider,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    domains: DomainFilter | None = None,
) -> tuple[int, str, Any]:
    """One call of the server over HTTP: status, content type, and the JSON or text of the body."""

    async def run() -> tuple[int, str, Any]:
        # A stream, because aiohttp warns of large bodies as bytes.
        data = None if body is None else io.BytesIO(body)
        async with (
            served(provider, domains) as url,
            aiohttp.ClientSession() as session,
            session.request(method, url + path, data=data, headers=headers) as answer,
        ):
            content = await answer.read()
            kind = answer.headers.get("Content-Type", "")
            return answer.status, kind, json.loads(content) if kind == MEDIA_TYPE else content.decode()

    return asyncio.run(run())


def changes(**lists: object) -> bytes:
    return json.dumps(lists).encode()


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "answer"),
    [
        pytest.param("GET", "/", ACCEPT, None, 200, {"include": ["ex.com"]}, id="negotiation"),
        pytest.param("GET", "/records", ACCEPT, None, 200, [WEB_JSON], id="records"),
        pytest.param(
            "POST", "/adjustendpoints", CONTENT, json.dumps([NEW_JSON]).encode(), 200,
            [{"dnsName": "new.ex.com", "targets": ["192.0.2.7"], "recordType": "A", "recordTTL": 60}], id="adjust",
        ),
        pytest.param("POST", "/adjustendpoints", CONTENT, b"null", 200, [], id="adjust nothing"),
        pytest.param("POST", "/records", CONTENT, changes(create=[NEW_JSON]), 204, "", id="create"),
        pytest.param("POST", "/records", CONTENT, changes(delete=[WEB_JSON]), 204, "", id="delete"),
        pytest.param("POST", "/records", CONTENT, b"{}", 204, "", id="no changes"),
        pytest.param("POST", "/records", CONTENT, b'{"create":null}', 204, "", id="null for a list"),
        pytest.param("GET", "/", {"Accept": "text/html"}, None, 406, None, id="another type wanted"),
        pytest.param("GET", "/records", {"Accept": "application/json"}, None, 406, None, id="nearly the type"),
        pytest.param("POST", "/records", {"Content-Type": "text/json"}, b"{}", 415, None, id="another type sent"),
        pytest.param("POST", "/adjustendpoints", CONTENT, b"{", 400, None, id="no JSON"),
        pytest.param("POST", "/records", CONTENT, b"[]", 400, None, id="other JSON"),
        pytest.param("POST", "/records", CONTENT, changes(updateNew=[WEB_JSON]), 400, None, id="half an update"),
        pytest.param("POST", "/records", CONTENT, b" " * (32 * 1024 * 1024 + 1), 413, None, id="too large"),
        pytest.param("PUT", "/records", CONTENT, b"{}", 405, None, id="no such method"),
        pytest.param("GET", "/other", ACCEPT, None, 404, None, id="no such path"),
    ],
)  # fmt: skip
def test_the_table_of_the_protocol(
    method: str, path: str, headers: dict[str, str], body: bytes | None, status: int, answer: object
) -> None:
    provider = MemoryProvider(WEB)
    found = call(provider, method, path, body, headers, DomainFilter(("ex.com",)))
    assert found[0] == status
    if status == 200:
        assert found[1:] == (MEDIA_TYPE, answer)
    if status == 204:
        assert found[2] == ""


@pytest.mark.parametrize(
    ("body", "held"),
    [
        (changes(create=[NEW_JSON]), ["new.ex.com A", "web.ex.com A"]),
        (changes(delete=[WEB_JSON]), []),
        (changes(updateOld=[WEB_JSON], updateNew=[{**WEB_JSON, "targets": ["192.0.2.8"]}]), ["web.ex.com A"]),
        (
            changes(delete=[WEB_JSON], create=[{**WEB_JSON, "recordType": "CNAME", "targets": ["lb.ex.net"]}]),
            ["web.ex.com CNAME"],
        ),
    ],
)
def test_changes_are_made(body: bytes, held: list[str]) -> None:
    provider = MemoryProvider(WEB)
    assert call(provider, "POST", "/records", body, CONTENT)[0] == 204
    assert provider.held() == held


def test_what_goes_wrong_behind_it_is_worth_another_try_to_the_other_side() -> None:
    provider = MemoryProvider(WEB)
    provider.refuses = {"new.ex.com"}
    status, _, text = call(provider, "POST", "/records", changes(create=[NEW_JSON]), CONTENT)
    assert (status, text) == (500, "1 of 1 names could not be changed: refused\n")
    provider.away = ClusterDNSError("throttled")
    assert call(provider, "GET", "/records", headers=ACCEPT)[::2] == (503, "throttled\n")
    assert 500 <= call(provider, "POST", "/records", changes(create=[NEW_JSON]), CONTENT)[0] <= 510


def test_records_that_the_filter_excludes_are_not_shown() -> None:
    other = Endpoint("web.ex.net", ("192.0.2.1",), "A", ttl=60)
    assert call(MemoryProvider(WEB, other), "GET", "/records", None, ACCEPT, DomainFilter(("ex.com",)))[2] == [WEB_JSON]


@pytest.mark.parametrize(
    ("body", "domains"),
    [
        (b"{}", DomainFilter()),
        (b'{"include":["Ex.com"],"exclude":["int.ex.com"]}', DomainFilter(("ex.com",), ("int.ex.com",))),
        (b'{"filters":["ex.com"]}', DomainFilter()),
    ],
)
def test_domain_filters_of_others(body: bytes, domains: DomainFilter) -> None:
    assert decode_filter(body) == domains


def test_a_regular_expression_as_filter() -> None:
    domains = decode_filter(b'{"regexInclude":"^a","regexExclude":"z$"}')
    assert [domains.match(name) for name in ("ab", "ba", "az")] == [True, False, False]
    with pytest.raises(BadPayload):
        decode_filter(b'{"regexInclude":"("}')


def test_every_field_of_an_endpoint() -> None:
    body = (
        b'[{"dnsName":"a.ex.com","targets":["1.1.1.1"],"recordType":"A","setIdentifier":"s","recordTTL":5,'
        b'"labels":{"owner":"me"},"providerSpecific":[{"name":"webhook/x","value":"y"}]}]'
    )
    assert decode_endpoints(body) == [
        Endpoint("a.ex.com", ("1.1.1.1",), "A", "s", 5, {"owner": "me"}, {"webhook/x": "y"})
    ]


def test_deletions_come_next_to_the_creations_of_their_name() -> None:
    alias = {**WEB_JSON, "recordType": "CNAME"}
    [change] = decode_changes(changes(create=[alias], delete=[WEB_JSON]))
    assert [step.verb for step in change.steps] == ["delete", "create"]


# The client.


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


def test_without_a_filter_any_name_may_go_there() -> None:
    provider = MemoryProvider()

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


@pytest.mark.parametrize(
    ("status", "kind", "content", "message"),
    [
        (201, MEDIA_TYPE, b"[]", "the answer is 201, not 200"),
        (200, "application/json", b"[]", "the answer is application/json, not"),
        (200, MEDIA_TYPE, b"{", "not the webhook protocol's JSON"),
        (503, "text/plain", b"throttled", "the answer is 503, not 200: throttled"),
    ],
)
def test_answers_that_are_not_the_protocols(status: int, kind: str, content: bytes, message: str) -> None:
    async def run() -> None:
        async def handler(request: web.BaseRequest) -> web.Response:
            if request.path == "/":
                return web.Response(body=b"{}", headers={"Content-Type": MEDIA_TYPE})
            return web.Response(status=status, body=content, headers={"Content-Type": kind})

        runner = web.ServerRunner(web.Server(handler))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = WebhookProvider(f"http://127.0.0.1:{runner.addresses[0][1]}", read_timeout=5, write_timeout=5)
        try:
            with pytest.raises(WebhookError, match=message):
                await client.read()
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
