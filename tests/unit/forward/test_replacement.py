"""Other upstreams in the place of those that a forwarder has, while it asks them: real sockets, virtual time."""

from __future__ import annotations

import asyncio

import pytest

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.forwarder import Forwarder
from clusterdns.forward.upstreams import Upstream
from tests.support import virtual_time
from tests.support.upstream import ADDRESS, Do
from tests.support.upstream import Upstream as FakeUpstream
from tests.unit.forward.asking import (
    Transport,
    addresses,
    both,
    checks,
    forwarding,
    landed,
    question,
    where,
)


@both
def test_upstreams_are_replaced(transport: Transport) -> None:
    async def main() -> None:
        async with (
            FakeUpstream() as old,
            FakeUpstream() as stays,
            FakeUpstream() as new,
            forwarding(old, stays) as forwarder,
        ):
            await landed(forwarder.forward(question(), transport=transport))
            old.script = lambda asked: Do.HOLD
            flights = [forwarder.forward(question(f"n{number}.example"), transport=transport) for number in range(10)]
            await old.wait_for(11)
            kept = forwarder.counters[1]
            forwarder.replace_upstreams([where(new), where(stays)])
            for flight in flights:
                assert addresses(await landed(flight)) == [ADDRESS]
            assert asyncio.get_running_loop().time() < 0.1
            assert len(new.asked) == 10
            assert forwarder.upstreams == (where(new), where(stays))
            assert forwarder.counters[1] is kept
            await landed(forwarder.forward(question("then.example"), transport=transport))
            assert len(old.asked) == 11
            assert old.open_connections == 0
            # Whoever is gone is not checked, either.
            await asyncio.sleep(10)
            assert checks(old) == 0

    virtual_time.run(main())


def test_nothing_changes_for_who_stays() -> None:
    async def main() -> None:
        async with (
            FakeUpstream(lambda asked: Do.HOLD) as stays,
            FakeUpstream() as other,
            forwarding(stays) as forwarder,
        ):
            flight = forwarder.forward(question())
            await stays.wait_for(1)
            forwarder.replace_upstreams([where(other), where(stays)])
            await asyncio.sleep(0.1)
            stays.release()
            assert addresses(await landed(flight)) == [ADDRESS]
            assert other.asked == []
            assert stays.connections == 1

    virtual_time.run(main())


@both
def test_nobody_is_left(transport: Transport) -> None:
    async def main() -> None:
        async with FakeUpstream(lambda asked: Do.HOLD) as upstream, forwarding(upstream) as forwarder:
            flight = forwarder.forward(question(), transport=transport)
            await upstream.wait_for(1)
            forwarder.replace_upstreams([])
            with pytest.raises(UpstreamFailure, match="an upstream no longer"):
                await landed(flight)
            with pytest.raises(UpstreamFailure, match="there is nobody to ask"):
                await landed(forwarder.forward(question(), transport=transport))
            upstream.script = lambda asked: Do.ANSWER
            forwarder.replace_upstreams([where(upstream)])
            assert addresses(await landed(forwarder.forward(question(), transport=transport))) == [ADDRESS]

    virtual_time.run(main())


def test_replaced_while_the_connection_is_being_opened() -> None:
    async def main() -> None:
        async with FakeUpstream(accepts=False) as stuck, FakeUpstream() as new, forwarding(stuck) as forwarder:
            flight = forwarder.forward(question())
            await asyncio.sleep(0.1)
            forwarder.replace_upstreams([where(new)])
            assert addresses(await landed(flight)) == [ADDRESS]
            assert asyncio.get_running_loop().time() < 0.3

    virtual_time.run(main())


def test_an_upstream_named_twice_is_one() -> None:
    async def main() -> None:
        async with FakeUpstream() as upstream:
            forwarder = Forwarder([where(upstream), where(upstream)])
            assert forwarder.upstreams == (where(upstream),)
            forwarder.replace_upstreams([where(upstream), where(upstream)])
            forwarder.replace_upstreams([Upstream("192.0.2.1", 53), where(upstream)])
            assert len(forwarder.counters) == 2
            await forwarder.close()

    virtual_time.run(main())
