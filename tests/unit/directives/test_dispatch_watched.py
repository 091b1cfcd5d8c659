"""Answers that hold until what is watched changes: how long the packet cache repeats them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.cache.watched import ANYTHING, Watched
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.flight import Flight
from tests.support import messages
from tests.support.server import PEER, WEB, Server, read

# Fields of the reply, and after how many questions it is repeated: never, or from the third on.
WATCHED_REPLIES: list[tuple[dict[str, Any], bool]] = [
    ({"watched": ANYTHING, "fresh_until": math.inf}, True),
    ({"watched": ANYTHING, "fresh_until": 100.5}, True),
    ({"watched": ANYTHING, "fresh_until": 0.0}, False),
    ({"watched": ANYTHING, "fresh_until": math.inf, "rotates": True}, False),
    ({"watched": ANYTHING, "fresh_until": math.inf, "forget_at": 100.1}, True),
    ({"watched": ANYTHING, "fresh_until": math.inf, "forget_at": 0.0}, False),
]


@pytest.mark.parametrize(("fields", "is_repeated"), WATCHED_REPLIES)
def test_what_is_watched_is_repeated_as_it_was(fields: dict[str, Any], is_repeated: bool) -> None:
    async def handle(request: Request) -> Reply:
        asked.append(request.now)
        return replace(await server.behind.handle(request), **fields)

    asked: list[float] = []
    server = Server()
    dispatcher = Dispatcher({b"\0": handle}, PacketCache(watched=Watched()), lambda: 100.0)
    message = messages.query(WEB)
    answers = [dispatcher.respond_udp(message, PEER, lambda *_: None) for _ in range(4)]
    assert len(set(answers)) == 1
    assert len(asked) == (2 if is_repeated else 4)


def test_what_a_walk_found_counts_down_and_leaves_when_something_changes() -> None:
    async def handle(request: Request) -> Reply:
        asked.append(now)
        reply = await server.behind.handle(request)
        return replace(reply, synthesised=True, watched=ANYTHING, fresh_until=160.0, forget_at=101.5)

    asked: list[float] = []
    server, watched, now = Server(), Watched(), 100.0
    dispatcher = Dispatcher({b"\0": handle}, PacketCache(watched=watched), lambda: now)
    message = messages.query(WEB)

    def ttl() -> int:
        answer = dispatcher.respond_udp(message, PEER, lambda *_: None)
        assert answer is not None
        return read(message, answer).answer[0].ttl

    assert [ttl(), ttl(), len(asked)] == [60, 60, 1]
    now = 101.25
    assert [ttl(), len(asked)] == [59, 1]
    watched.forget()
    assert [ttl(), len(asked)] == [60, 2]
    now = 101.5
    assert [ttl(), ttl(), len(asked)] == [60, 60, 4]


@pytest.mark.parametrize("is_changed", [True, False])
def test_what_changed_while_the_chain_waited_is_not_kept(is_changed: bool) -> None:
    async def handle(request: Request) -> Reply:
        asked.append(request.now)
        reply = await server.behind.handle(request)
        await upstream
        return replace(reply, watched=ANYTHING, fresh_until=160.0, synthesised=True)

    asked: list[float] = []
    sent: list[bytes] = []
    upstream: Flight[None] = Flight()
    server, watched = Server(), Watched()
    dispatcher = Dispatcher({b"\0": handle}, PacketCache(watched=watched), lambda: 100.0)
    message = messages.query(WEB)
    assert dispatcher.respond_udp(message, PEER, lambda answer, _: sent.append(answer)) is None
    if is_changed:
        watched.forget()
    upstream.land(None)
    assert dispatcher.respond_udp(message, PEER, lambda *_: None) == sent[0]
    assert len(asked) == (2 if is_changed else 1)
