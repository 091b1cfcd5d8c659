"""The double answers as the recordings of a real API server do: the same statuses, and the same fields in bodies."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from tests.support import recording, virtual_time
from tests.support.apiserver import ApiServerDouble

Session = aiohttp.ClientSession


def with_double(script: Callable[[ApiServerDouble, Session], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            for name in ("db", "kubernetes", "web", "ext", "lb"):
                server.put("Service", name, "team-a", spec={})
            headers = {"Authorization": "Bearer first-token"}
            async with Session(f"http://127.0.0.1:{server.port}", headers=headers) as session:
                await script(server, session)

    virtual_time.run(main())


async def ask(session: Session, path: str) -> tuple[int, Any]:
    async with session.get(path) as response:
        text = await response.text()
        return response.status, json.loads(text) if text.startswith("{") else text


def shape(value: Any) -> Any:
    """The keys of an object without what an object of a list has inside."""
    if not isinstance(value, dict):
        return type(value)
    return {key: "list" if key == "items" else shape(each) for key, each in value.items()}


def test_pages_and_bad_token() -> None:
    async def script(server: ApiServerDouble, session: Session) -> None:
        status, first = await ask(session, "/api/v1/services?limit=2")
        recorded = recording.recorded(5)["response"]
        assert (status, shape(first)) == (recorded["status"], shape(recorded["body"]))
        assert first["metadata"]["remainingItemCount"] == recorded["body"]["metadata"]["remainingItemCount"] == 3
        status, bad = await ask(session, "/api/v1/services?limit=2&continue=bogus")
        recorded = recording.recorded(7)["response"]
        assert (status, shape(bad)) == (recorded["status"], shape(recorded["body"]))
        assert bad["reason"] == recorded["body"]["reason"]
        names = [each["metadata"]["name"] for each in first["items"]]
        page = first
        while token := page["metadata"].get("continue"):
            server.delete("Service", names[-1], "team-a")  # pages are of one moment, whatever happens between them
            _, page = await ask(session, f"/api/v1/services?limit=2&continue={token}")
            assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
            names += [each["metadata"]["name"] for each in page["items"]]
        assert sorted(names) == ["db", "ext", "kubernetes", "lb", "web"]

    with_double(script)


@pytest.mark.parametrize(("number", "refusal"), [(17, 401), (18, 403)])
def test_refusals(number: int, refusal: int) -> None:
    async def script(server: ApiServerDouble, session: Session) -> None:
        if refusal == 401:
            server.token = "another"
        else:
            server.refusals["services"] = refusal
        status, body = await ask(session, "/api/v1/services")
        recorded = recording.recorded(number)["response"]
        assert status == recorded["status"] == refusal
        assert body["reason"] == recorded["body"]["reason"]
        assert shape(recorded["body"]) | shape(body) == shape(recorded["body"])

    with_double(script)


def test_no_such_api() -> None:
    async def script(server: ApiServerDouble, session: Session) -> None:
        server.without.add("dnsendpoints")
        recorded = recording.recorded(26)
        answer = await ask(session, recorded["request"]["path"])
        assert answer == (recorded["response"]["status"], recorded["response"]["body"])

    with_double(script)


def test_version_too_old() -> None:
    async def script(server: ApiServerDouble, session: Session) -> None:
        server.expire_history()
        async with session.get("/api/v1/services?watch=true&resourceVersion=1&timeoutSeconds=2") as response:
            (line,) = (await response.read()).splitlines()
            assert response.status == 200
        (recorded,) = recording.lines(15)
        found, expected = json.loads(line), json.loads(recorded)
        assert shape(found) == shape(expected)
        assert found["object"]["code"] == expected["object"]["code"] == 410
        assert found["object"]["reason"] == expected["object"]["reason"]

    with_double(script)


def test_version_in_the_future_is_silence() -> None:
    async def script(server: ApiServerDouble, session: Session) -> None:
        async with session.get("/api/v1/services?watch=true&resourceVersion=99999999&timeoutSeconds=200") as response:
            assert (response.status, await response.read()) == (200, b"")
        assert recording.lines(16) == []

    with_double(script)


def test_pod_that_finishes_leaves_the_field_selector() -> None:
    async def script(server: ApiServerDouble, session: Session) -> None:
        selector = "status.phase!=Succeeded,status.phase!=Failed"
        for phase in ("Pending", "Running", "Succeeded"):
            server.put("Pod", "short", "team-a", status={"phase": phase})
        path = "/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=105&timeoutSeconds=61"
        async with session.get(path, params={"fieldSelector": selector}) as response:
            found = [json.loads(line) for line in (await response.read()).splitlines()]
        recorded = [json.loads(line) for line in recording.lines(14)]

        def summary(events: list[Any]) -> list[Any]:
            return [
                (
                    each["type"],
                    each["object"]["kind"],
                    each["object"]["metadata"].get("name"),
                    each["object"].get("status", {}).get("phase"),
                )
                for each in events
            ]

        # A deleted object is shown as it last was inside the selector, with the version of its leaving.
        assert summary(found) == summary(recorded)[:4]
        versions = [int(each["object"]["metadata"]["resourceVersion"]) for each in found]
        assert versions == [106, 107, 108, 108]

    with_double(script)
