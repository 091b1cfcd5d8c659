"""The webhook protocol: the table of ExternalDNS's calls, as our server answers them, and its JSON."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from clusterdns.directives.config.pattern import compile_pattern
from clusterdns.errors import ClusterDNSError
from externaldns.domain_filter import ROOT, DomainFilter
from externaldns.record import Endpoint
from externaldns.webhook_protocol import MEDIA_TYPE, BadPayload, decode_changes, decode_endpoints, decode_filter
from externaldns.webhook_server import WebhookServer
from tests.unit.externaldns.in_memory import MemoryProvider

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
        pytest.param("GET", "/records", {"Accept": "*/*"}, None, 200, [WEB_JSON], id="any type wanted"),
        pytest.param("GET", "/", {"Accept": "text/html"}, None, 406, None, id="another type wanted"),
        pytest.param("GET", "/records", {"Accept": "application/json"}, None, 406, None, id="nearly the type"),
        pytest.param("POST", "/records", {"Content-Type": "text/json"}, b"{}", 415, None, id="another type sent"),
        pytest.param("POST", "/adjustendpoints", {"Content-Type": "text/json"}, b"[]", 415, None, id="plain JSON"),
        pytest.param(
            "POST", "/records", {"Content-Type": f"{MEDIA_TYPE};charset=utf-8"}, b"{}", 415, None, id="nearly sent",
        ),
        pytest.param("POST", "/adjustendpoints", CONTENT, b"{", 400, None, id="no JSON"),
        pytest.param("POST", "/adjustendpoints", CONTENT, b"", 400, None, id="nothing"),
        pytest.param("POST", "/adjustendpoints", CONTENT, b'["\xff"]', 400, None, id="no UTF-8"),
        pytest.param("POST", "/adjustendpoints", CONTENT, b'[{"x":' + b"[" * 100_000, 400, None, id="deep JSON"),
        pytest.param("POST", "/adjustendpoints", CONTENT, b'[{"recordTTL":"60"}]', 400, None, id="a text as TTL"),
        pytest.param("POST", "/adjustendpoints", CONTENT, b'[{"targets":"192.0.2.1"}]', 400, None, id="one for a list"),
        pytest.param("POST", "/records", CONTENT, b"[]", 400, None, id="other JSON"),
        pytest.param("POST", "/records", CONTENT, changes(updateNew=[WEB_JSON]), 400, None, id="half an update"),
        pytest.param("POST", "/records", CONTENT, b" " * (32 * 1024 * 1024 + 1), 413, None, id="too large"),
        pytest.param("POST", "/adjustendpoints", CONTENT, b" " * (32 * 1024 * 1024 + 1), 413, None, id="too many"),
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


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/", ACCEPT, None),
        ("GET", "/records", ACCEPT, None),
        ("POST", "/records", CONTENT, changes(create=[NEW_JSON])),
    ],
)
@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ClusterDNSError("throttled"), 503, "throttled\n"),
        (RuntimeError("a bug"), 500, "500 Internal Server Error\n\nServer got itself in trouble"),
    ],
)
def test_each_call_answers_a_providers_error_with_what_is_tried_again(
    method: str, path: str, headers: dict[str, str], body: bytes | None, error: Exception, status: int, text: str
) -> None:
    provider = MemoryProvider(WEB)
    provider.away = error
    assert call(provider, method, path, body, headers)[::2] == (status, text)


@pytest.mark.parametrize(
    ("zones", "domains", "announced"),
    [
        (["ex.com", "a.org"], DomainFilter(), {"include": ["a.org", "ex.com"]}),
        (["ex.com"], DomainFilter(excludes=("int.ex.com",)), {"include": ["ex.com"], "exclude": ["int.ex.com"]}),
        (["ex.com", "a.org"], DomainFilter(("ex.com", "net")), {"include": ["ex.com"]}),
        (["ex.com"], DomainFilter(("a.ex.com", "b.net")), {"include": ["a.ex.com"]}),
        (["ex.com"], DomainFilter((".ex.com",)), {"include": [".ex.com"]}),
        (["a.ex.com", "b.ex.com"], DomainFilter(("ex.com",)), {"include": ["a.ex.com", "b.ex.com"]}),
        (["ex.com"], DomainFilter(include=compile_pattern("^a")), {"regexInclude": "^a"}),
        (
            ["a.org", "ex.com"],
            DomainFilter(exclude=compile_pattern("^int")),
            {"regexInclude": r"(^|[.])(a[.]org|ex[.]com)$", "regexExclude": "^int"},
        ),
        ([ROOT], DomainFilter(), {}),
        ([ROOT], DomainFilter(("ex.com",)), {"include": ["ex.com"]}),
        ([], DomainFilter(), None),
        ([], DomainFilter(include=compile_pattern("^a")), None),
        (["ex.com"], DomainFilter(("ex.net",)), None),
    ],
)
def test_the_domains_announced_are_those_of_the_zones(
    zones: list[str], domains: DomainFilter, announced: dict[str, object] | None
) -> None:
    provider = MemoryProvider(WEB)
    provider.zone_names = tuple(zones)
    status, kind, answer = call(provider, "GET", "/", None, ACCEPT, domains)
    if announced is None:
        assert (status, answer) == (503, "no zone is managed here that the domain filter lets through\n")
        return
    assert (status, kind, answer) == (200, MEDIA_TYPE, announced)


def test_zones_beside_a_pattern_that_excludes_are_a_pattern_too() -> None:
    domains = DomainFilter(exclude=compile_pattern("^int")).within(["ex.com"])
    assert domains is not None
    found = [domains.match(name) for name in ("ex.com", "a.ex.com", "int.ex.com", "xex.com", "ex.com.org", "exxcom")]
    assert found == [True, True, False, False, False, False]


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
