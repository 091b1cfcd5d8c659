"""Upstreams that are silent, closed, killed or talk nonsense, against a forwarder: real sockets, virtual time."""

from __future__ import annotations

import asyncio

import pytest

from clusterdns.errors import UpstreamFailure
from tests.support import virtual_time
from tests.support.upstream import ADDRESS, Asked, Do, Upstream
from tests.unit.forward.asking import (
    Transport,
    addresses,
    both,
    first,
    forwarding,
    landed,
    names,
    question,
)


@both
def test_silence_is_asked_again_and_the_late_answer_dropped(transport: Transport) -> None:
    async def main() -> None:
        async with Upstream(first(Do.HOLD)) as upstream, forwarding(upstream) as forwarder:
            loop = asyncio.get_running_loop()
            flight = forwarder.forward(question(), transport=transport)
            await upstream.wait_for(1)
            # Something was heard meanwhile, so the connection stays.
            await landed(forwarder.forward(question("other.example"), transport=transport))
            await landed(flight)
            assert 0.6 <= loop.time() <= 0.7
            upstream.release()
            for _ in range(100):
                if forwarder.counters[0].late:
                    break
                await asyncio.sleep(0.001)
            counters = forwarder.counters[0]
            # Whoever answers others is not silent: the name is slow.
            assert (counters.requests, counters.failures, counters.late) == (3, 0, 1)

    virtual_time.run(main())


@both
def test_a_failed_upstream_is_passed_over_and_comes_back(transport: Transport) -> None:
    async def main() -> None:
        async with Upstream(lambda asked: Do.DROP) as silent, Upstream() as well, forwarding(silent, well) as forwarder:
            await landed(forwarder.forward(question(), transport=transport))
            assert (names(silent), names(well)) == (["web.example."], ["web.example."])
            await landed(forwarder.forward(question("second.example"), transport=transport))
            assert (names(silent), names(well)) == (["web.example."], ["web.example.", "second.example."])
            silent.script = lambda asked: Do.ANSWER
            await asyncio.sleep(3)
            await landed(forwarder.forward(question("third.example"), transport=transport))
            assert names(silent) == ["web.example.", "third.example."]

    virtual_time.run(main())


@both
def test_nobody_answers(transport: Transport) -> None:
    async def main() -> None:
        def silence(asked: Asked) -> Do:
            return Do.DROP

        async with Upstream(silence) as one, Upstream(silence) as two, forwarding(one, two) as forwarder:
            with pytest.raises(UpstreamFailure, match="no answer in time"):
                await landed(forwarder.forward(question(), transport=transport))
            assert 1.75 <= asyncio.get_running_loop().time() <= 1.9
            assert forwarder.in_flight == 0
            other = "tcp" if transport == "udp" else "udp"
            for upstream, tries in ((one, [transport, other]), (two, [transport])):
                assert [asked.transport for asked in upstream.asked if asked.name == "web.example."] == tries

    virtual_time.run(main())


@both
def test_a_closed_port_fails_at_once(transport: Transport) -> None:
    async def main() -> None:
        async with Upstream() as upstream, forwarding(upstream) as forwarder:
            await upstream.stop()
            with pytest.raises(UpstreamFailure, match="Connection refused"):
                await landed(forwarder.forward(question(), transport=transport))
            assert asyncio.get_running_loop().time() < 0.5
            await upstream.start()
            assert addresses(await landed(forwarder.forward(question(), transport=transport))) == [ADDRESS]

    virtual_time.run(main())


@both
def test_killed_with_questions_under_way_and_back(transport: Transport) -> None:
    async def main() -> None:
        async with Upstream() as upstream, forwarding(upstream) as forwarder:
            await landed(forwarder.forward(question(), transport=transport))
            upstream.script = lambda asked: Do.HOLD
            flights = [forwarder.forward(question(f"n{number}.example"), transport=transport) for number in range(20)]
            await upstream.wait_for(21)
            await upstream.stop()
            for flight in flights:
                with pytest.raises(UpstreamFailure):
                    await landed(flight)
            upstream.script = lambda asked: Do.ANSWER
            await upstream.start()
            assert addresses(await landed(forwarder.forward(question(), transport=transport))) == [ADDRESS]

    virtual_time.run(main())


def test_a_connection_that_the_upstream_closed_while_idle_is_no_failure() -> None:
    async def main() -> None:
        async with Upstream() as upstream, forwarding(upstream) as forwarder:
            await landed(forwarder.forward(question()))
            upstream.close_connections()
            # Nobody has read the end of the connection yet.
            flights = [forwarder.forward(question(f"n{number}.example")) for number in range(10)]
            for flight in flights:
                assert addresses(await landed(flight)) == [ADDRESS]
            assert forwarder.counters[0].failures == 0
            assert upstream.connections == 2

    virtual_time.run(main())


def test_an_upstream_that_closes_every_connection_fails() -> None:
    async def main() -> None:
        async with Upstream(lambda asked: Do.CLOSE) as upstream, forwarding(upstream) as forwarder:
            with pytest.raises(UpstreamFailure):
                await landed(forwarder.forward(question()))
            assert {asked.transport for asked in upstream.asked if asked.name != "."} == {"tcp", "udp"}

    virtual_time.run(main())


@both
@pytest.mark.parametrize("what", [Do.WRONG_ID, Do.WRONG_QUESTION, Do.GARBAGE, Do.NOISE, Do.CUT, Do.CLOSE, b"", b"\xff"])
def test_nonsense_is_survived(what: Do | bytes, transport: Transport) -> None:
    async def main() -> None:
        async with Upstream(lambda asked: what) as upstream, forwarding(upstream) as forwarder:
            with pytest.raises(UpstreamFailure):
                await landed(forwarder.forward(question(), transport=transport))
            upstream.script = first(what)
            response = await landed(forwarder.forward(question("then.example"), transport=transport))
            assert addresses(response) == [ADDRESS]
            assert forwarder.in_flight == 0

    virtual_time.run(main())


def test_nonsense_does_not_stop_the_answers_beside_it() -> None:
    async def main() -> None:
        def script(asked: Asked) -> Do:
            return {"bad.example.": Do.GARBAGE, "other.example.": Do.WRONG_QUESTION}.get(asked.name, Do.ANSWER)

        async with Upstream(script) as upstream, forwarding(upstream) as forwarder:
            bad = [forwarder.forward(question(name)) for name in ("bad.example", "other.example")]
            good = [forwarder.forward(question(f"n{number}.example")) for number in range(10)]
            for flight in good:
                assert addresses(await landed(flight)) == [ADDRESS]
            for flight in bad:
                with pytest.raises(UpstreamFailure):
                    await landed(flight)
            assert upstream.connections == 1

    virtual_time.run(main())


def test_an_upstream_that_never_accepts_is_left_for_the_next() -> None:
    async def main() -> None:
        async with Upstream(accepts=False) as stuck, Upstream() as well, forwarding(stuck, well) as forwarder:
            assert addresses(await landed(forwarder.forward(question()))) == [ADDRESS]
            assert 0.6 <= asyncio.get_running_loop().time() <= 0.7
            assert len(well.asked) == 1

    virtual_time.run(main())


def test_a_connection_that_fell_silent_gets_no_more_questions() -> None:
    async def main() -> None:
        def script(asked: Asked) -> Do:
            return Do.DROP if asked.connection == 1 else Do.ANSWER

        async with Upstream(script) as upstream, forwarding(upstream) as forwarder:
            assert addresses(await landed(forwarder.forward(question()))) == [ADDRESS]
            await landed(forwarder.forward(question("next.example")))
            assert [(asked.name, asked.connection) for asked in upstream.asked if asked.name != "."] == [
                ("web.example.", 1),
                ("web.example.", 2),
                ("next.example.", 2),
            ]

    virtual_time.run(main())
