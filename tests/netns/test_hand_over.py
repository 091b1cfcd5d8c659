"""One nodelocal after the other, and both at once: whose the rules are, and that they stay."""

from __future__ import annotations

import asyncio

import pytest

from nodelocal.interception import Interception
from nodelocal.nftables import TABLE
from nodelocal.setup_errors import SetupErrors
from tests.netns.intercepting import (
    ENDPOINTS,
    PATIENCE_SECONDS,
    inside,
    options,
    owners,
    serving,
    state,
    translated,
)
from tests.support.background import in_background
from tests.support.netns import Namespace


def test_a_successor_takes_the_same_rules_over_as_they_are(
    namespace: Namespace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    # A question to nobody would end the element.
    monkeypatch.setattr("nodelocal.heartbeat.Heartbeat.run", lambda self: asyncio.Event().wait())

    async def body() -> None:
        first, second = (Interception(options(), SetupErrors()) for _ in range(2))
        first.set_endpoints(ENDPOINTS)
        await first.start()
        namespace.run("nft", "add", "element", "ip", TABLE, "alive", "{ 169.254.20.10 timeout 1h }")
        before = state(namespace), owners(namespace)
        await second.start()
        assert (state(namespace), owners(namespace)) == before, "the second has answered nobody yet"
        async with serving(second):
            assert owners(namespace) == {second._rules.owner}
            await first.withdraw()
            await first.stop(10.0)
            assert "another nodelocal has taken over" in caplog.text
            assert "169.254.20.10" in namespace.run("nft", "list", "set", "ip", TABLE, "alive")
            assert translated(namespace) == sorted(map(str, ENDPOINTS))
            assert state(namespace)[::2] == before[0][::2]
        await second.stop(10.0)
        assert "notrack" not in namespace.run("nft", "list", "ruleset")
        assert state(namespace)[0] == []

    inside(namespace, body)


def test_whoever_ends_before_it_took_over_changes_nothing(namespace: Namespace) -> None:
    async def body() -> None:
        first, second = (Interception(options(), SetupErrors()) for _ in range(2))
        await first.start()
        before = state(namespace), owners(namespace)
        await second.start()
        second.set_endpoints(ENDPOINTS)
        await second.withdraw()
        await second.stop(10.0)
        assert (state(namespace), owners(namespace)) == before

    inside(namespace, body)


def test_after_one_that_withdrew_the_next_makes_its_own_rules(namespace: Namespace) -> None:
    async def body() -> None:
        first, second = (Interception(options(), SetupErrors()) for _ in range(2))
        first.set_endpoints(ENDPOINTS)
        await first.start()
        await second.start()
        await first.withdraw()
        async with serving(second):
            assert owners(namespace) == {second._rules.owner}
            rules = state(namespace)
            await first.stop(10.0)
            assert state(namespace) == rules

    inside(namespace, body)


def test_a_successor_with_other_rules_replaces_them_and_keeps_them(namespace: Namespace) -> None:
    async def body() -> None:
        first = Interception(options("-syncinterval", "1s"), SetupErrors())
        second = Interception(options("-health-port", "9090"), SetupErrors())
        first.set_endpoints(ENDPOINTS)
        await first.start()
        async with in_background(first.keep()):
            await second.start()
            theirs = state(namespace)
            checked = asyncio.Event()
            first.set_endpoints(ENDPOINTS[:1])  # the first looks at the rules now
            replaced = first._replace_what_differs

            async def look() -> None:
                await replaced()
                checked.set()

            first._replace_what_differs = look  # type: ignore[method-assign]
            async with asyncio.timeout(PATIENCE_SECONDS):
                await checked.wait()
            assert state(namespace) == theirs
        await first.stop(10.0)
        assert state(namespace) == theirs, "link and rules are the second's"

    inside(namespace, body)
