"""The question asked once more elsewhere, when an answer is later than most: real sockets, virtual time."""

from __future__ import annotations

import asyncio

from clusterdns.forward.forwarder import Forwarder
from tests.support import virtual_time
from tests.support.until import until
from tests.support.upstream import ADDRESS, Do
from tests.support.upstream import Upstream as FakeUpstream
from tests.unit.forward.asking import (
    Transport,
    addresses,
    both,
    checks,
    forwarding,
    landed,
    names,
    question,
)


async def warm_up(forwarder: Forwarder, transport: Transport, count: int = 300) -> None:
    """So many quick answers that a p99 is known, and hedges have been earned."""
    for number in range(count):
        await landed(forwarder.forward(question(f"warm{number}.example"), transport=transport))
    await asyncio.sleep(0.01)


@both
def test_a_slow_answer_is_hedged_once(transport: Transport) -> None:
    async def main() -> None:
        async with FakeUpstream() as slow, FakeUpstream() as quick, forwarding(slow, quick) as forwarder:
            await warm_up(forwarder, transport)
            slow.script = lambda asked: Do.HOLD
            began = asyncio.get_running_loop().time()
            response = await landed(forwarder.forward(question(), transport=transport))
            assert addresses(response) == [ADDRESS]
            assert asyncio.get_running_loop().time() - began < 0.1
            assert names(quick) == ["web.example."]
            first, second = forwarder.counters
            assert (first.hedges, second.hedges, second.hedges_won) == (0, 1, 1)
            # Nothing was heard of the first one since: it is asked whether it is there.
            await until(lambda: checks(slow) == 1)
            slow.release()
            await until(lambda: first.late == 1)
            assert (first.failures, second.failures) == (0, 0)

    virtual_time.run(main())


@both
def test_an_idle_system_does_not_hedge(transport: Transport) -> None:
    async def main() -> None:
        async with FakeUpstream() as slow, FakeUpstream() as quick, forwarding(slow, quick) as forwarder:
            await warm_up(forwarder, transport)
            await asyncio.sleep(60)
            slow.script = lambda asked: Do.HOLD
            began = asyncio.get_running_loop().time()
            await landed(forwarder.forward(question(), transport=transport))
            assert asyncio.get_running_loop().time() - began >= 0.6
            assert forwarder.counters[1].hedges == 0

    virtual_time.run(main())


def test_a_stall_does_not_double_the_load() -> None:
    async def main() -> None:
        async with FakeUpstream() as slow, FakeUpstream() as quick, forwarding(slow, quick) as forwarder:
            await warm_up(forwarder, "udp", 300)
            slow.script = lambda asked: Do.HOLD
            flights = [forwarder.forward(question(f"n{number}.example"), transport="udp") for number in range(200)]
            await asyncio.sleep(0.3)
            assert 15 <= forwarder.counters[1].hedges <= 25
            slow.release()
            for flight in flights:
                await landed(flight)

    virtual_time.run(main())


def test_one_upstream_is_hedged_over_udp_only() -> None:
    async def main() -> None:
        async with FakeUpstream() as upstream, forwarding(upstream) as forwarder:
            for transport, hedges in (("tcp", 0), ("udp", 1)):
                await warm_up(forwarder, transport)  # type: ignore[arg-type]
                upstream.script = lambda asked: Do.HOLD
                flight = forwarder.forward(question(), transport=transport)  # type: ignore[arg-type]
                await asyncio.sleep(0.1)
                upstream.script = lambda asked: Do.ANSWER
                upstream.release()
                await landed(flight)
                assert forwarder.counters[0].hedges == hedges

    virtual_time.run(main())
