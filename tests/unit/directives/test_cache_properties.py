"""Whatever clients ask and upstreams do, in whatever order: nobody gets another view's answer, nor one too old."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterdns.directives.cache import build
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.config.cache import Config, Prefetch, ServeStale
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from tests.support.chain import NXDOMAIN, Says, request, response_to
from tests.unit.directives.caching import Asked, VirtualClock

CLIENTS = {
    "10.0.0.1": (b"10.0.0.1", b"shop"),
    "10.0.0.2": (b"10.0.0.2", b"shop"),
    "10.0.0.3": (b"10.0.0.3", b"blog"),
    "fd00::4": (b"fd00::4",),
}
NAMES = ("a.example.", "b.example.")
TTL = 60
STALE = 100

CONFIGS = (
    Config(),
    Config(prefetch=Prefetch(1), keepttl=True),
    Config(serve_stale=ServeStale(STALE, recheck=1)),
    Config(serve_stale=ServeStale(STALE, "immediate", prefer_positive=True), prefetch=Prefetch(2)),
)


@dataclass(frozen=True)
class Step:
    """Time passes, the upstream changes its ways, and a client asks.

    `view` is which of the client's views an answer is for, None for everyone; `outcome` what comes after `delay`.
    """

    passes: float
    client: str
    name: str
    view: int | None
    outcome: str
    delay: float


STEPS = st.lists(
    st.builds(
        Step,
        passes=st.sampled_from((0.0, 0.05, 0.5, 5.0, 57.0, 61.0, 99.0)),
        client=st.sampled_from(sorted(CLIENTS)),
        name=st.sampled_from(NAMES),
        view=st.sampled_from((None, 0, 1)),
        outcome=st.sampled_from(("answer", "answer", "denial", "SERVFAIL", "silence")),
        delay=st.sampled_from((0.0, 0.01, 0.3, 1.5)),
    ),
    max_size=40,
)


@dataclass
class _Upstream:
    """Every answer has an address of its own, and is written down with its view and when it came."""

    clock: VirtualClock
    step: Step | None = None
    made: dict[bytes, tuple[str, bytes | None, float]] = field(default_factory=dict)

    async def handle(self, request: Request) -> Reply:
        step = self.step
        assert step is not None
        if step.delay:
            arrives: Flight[None] = Flight()
            self.clock.later(step.delay, lambda: arrives.land(None))
            await arrives
        views = CLIENTS[request.client]
        view = views[step.view] if step.view is not None and step.view < len(views) else None
        if step.outcome == "silence":
            raise UpstreamFailure("192.0.2.1:53", "no answer")
        if step.outcome == "SERVFAIL":
            return Reply(response_to(request, Says(rcode="SERVFAIL")), "upstream", view=view)
        if step.outcome == "denial":
            return Reply(response_to(request, NXDOMAIN), "upstream", view=view)
        address = (0x0A000000 + len(self.made)).to_bytes(4, "big")
        text = ".".join(map(str, address))
        self.made[address] = (str(request.query.folded), view, self.clock.now)
        return Reply(response_to(request, Says(answer=(f"@ {TTL} IN A {text}",))), "upstream", view=view)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("clusterdns.directives")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, config=st.sampled_from(CONFIGS))
def test_every_answer_is_this_client_s_and_not_too_old(steps: list[Step], config: Config) -> None:
    clock = VirtualClock()
    upstream = _Upstream(clock)
    cache = build(config, [b"\0"], clock, upstream.handle, views_of=CLIENTS.__getitem__, later=clock.later)
    stale = config.serve_stale.seconds if config.serve_stale else 0
    asked = []
    for step in steps:
        clock.pass_time(step.passes)
        upstream.step = step
        question = request(step.name, client=step.client, now=clock.now)
        asked.append((step, question, clock.now, Asked(clock, start(cache.handle(question)))))
    clock.pass_time(10)
    for step, question, began, each in asked:
        # Each has an answer, or knows that there is none, in its own time and that of one more question.
        assert each.seconds is not None
        assert each.seconds <= 2 * 1.8
        if each.error is not None:
            continue
        reply = each.reply
        assert reply.view is None or reply.view in CLIENTS[step.client]
        if reply.response.message[6:8] == b"\0\1":
            name, view, came = upstream.made[reply.response.message[-4:]]
            assert name == str(question.query.folded)
            assert view is None or view in CLIENTS[step.client]
            age = began - came
            assert age < TTL + stale
            assert 0 < reply.response.ttl <= TTL
            if not config.keepttl and age < TTL:
                assert reply.response.ttl <= TTL - age + 1
        if reply.fresh_until:
            assert reply.source == "cache"
            assert began < reply.fresh_until <= began + TTL
    assert clock.pending == 0
