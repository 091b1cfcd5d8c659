"""Upstreams that stall, die, return and are replaced, against a forwarder with real sockets on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.checks import CheckSettings
from clusterdns.forward.exchange import Rules
from clusterdns.forward.forwarder import Settings
from clusterdns.forward.policy import choose_in_turn
from clusterdns.forward.tcp import TcpSettings
from clusterdns.wire import numbers
from tests.support import virtual_time
from tests.support.until import until
from tests.support.upstream import ADDRESS, Asked, Do
from tests.support.upstream import Upstream as FakeUpstream
from tests.unit.forward.asking import (
    Transport,
    addresses,
    both,
    checks,
    forwarding,
    landed,
    names,
    only,
    question,
    where,
)


@pytest.mark.parametrize(("asked_first", "other"), [("udp", "tcp"), ("tcp", "udp")])
def test_silence_over_one_transport_is_asked_over_the_other(asked_first: Transport, other: Transport) -> None:
    async def main() -> None:
        async with FakeUpstream(only(other)) as upstream, forwarding(upstream) as forwarder:
            response = await landed(forwarder.forward(question(), transport=asked_first))
            assert addresses(response) == [ADDRESS]
            assert 1.2 <= asyncio.get_running_loop().time() <= 1.35

    virtual_time.run(main())


@both
def test_one_of_two_dies_and_returns_while_questions_come(transport: Transport) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with (
            FakeUpstream() as one,
            FakeUpstream() as two,
            forwarding(one, two, choose=choose_in_turn()) as forwarder,
        ):
            slowest = 0.0
            for number in range(400):
                if number == 80:
                    await one.stop()
                if number == 240:
                    await one.start()
                began = loop.time()
                flight = forwarder.forward(question(f"n{number}.example"), transport=transport)
                assert addresses(await landed(flight)) == [ADDRESS]
                slowest = max(slowest, loop.time() - began)
                await asyncio.sleep(0.03)
            assert slowest < 0.2
            # It is back in its half of the turns.
            last = {f"n{number}.example." for number in range(340, 400)}
            assert len(last & set(names(one))) == len(last & set(names(two))) == 30

    virtual_time.run(main())


@both
def test_one_of_two_falls_silent_while_questions_come(transport: Transport) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with (
            FakeUpstream() as one,
            FakeUpstream() as two,
            forwarding(one, two, choose=choose_in_turn()) as forwarder,
        ):
            late = 0
            for number in range(200):
                if number == 60:
                    one.script = lambda asked: Do.DROP
                began = loop.time()
                flight = forwarder.forward(question(f"n{number}.example"), transport=transport)
                assert addresses(await landed(flight)) == [ADDRESS]
                late += loop.time() - began > 0.2
                await asyncio.sleep(0.03)
            assert late <= 1
            assert forwarder.is_down(where(one))

    virtual_time.run(main())


@both
def test_a_failed_upstream_is_checked_until_it_answers(transport: Transport) -> None:
    async def main() -> None:
        settings = Settings(checks=CheckSettings(name=b"\6health\0", recursion_desired=False))
        async with (
            FakeUpstream(lambda asked: Do.DROP) as silent,
            FakeUpstream() as well,
            forwarding(silent, well, settings=settings) as forwarder,
        ):
            await landed(forwarder.forward(question(), transport=transport))
            counters = forwarder.counters[0]
            assert not forwarder.is_down(where(silent))
            await until(lambda: forwarder.is_down(where(silent)))
            assert (counters.failures, counters.check_failures) == (1, 2)
            await asyncio.sleep(10)
            sent = [asked for asked in silent.asked if asked.name == "health."]
            assert 6 <= len(sent) <= 9
            assert {(asked.transport, asked.parsed.q.qtype, asked.parsed.header.rd) for asked in sent} == {
                (transport, numbers.NS, 0)
            }
            silent.script = lambda asked: asked.answer(rcode=numbers.REFUSED)
            await until(lambda: not forwarder.is_down(where(silent)))
            before = len(silent.asked)
            await asyncio.sleep(10)
            assert len(silent.asked) == before
            assert names(well) == ["web.example."]
            assert counters.requests == 1

    virtual_time.run(main())


def test_an_upstream_that_is_never_down_is_not_checked() -> None:
    async def main() -> None:
        async with (
            FakeUpstream(lambda asked: Do.DROP) as silent,
            forwarding(silent, settings=Settings(max_fails=0)) as forwarder,
        ):
            with pytest.raises(UpstreamFailure):
                await landed(forwarder.forward(question(), transport="udp"))
            await asyncio.sleep(10)
            assert checks(silent) == 0
            assert not forwarder.is_down(where(silent))

    virtual_time.run(main())


@pytest.mark.parametrize("fail_fast", [True, False])
def test_all_are_down(fail_fast: bool) -> None:
    async def main() -> None:
        async with (
            FakeUpstream(lambda asked: Do.DROP) as one,
            FakeUpstream(lambda asked: Do.DROP) as two,
            forwarding(one, two, settings=Settings(fail_fast=fail_fast)) as forwarder,
        ):
            for _ in range(2):
                with pytest.raises(UpstreamFailure):
                    await landed(forwarder.forward(question(), transport="udp"))
            await until(lambda: forwarder.is_down(where(one)) and forwarder.is_down(where(two)))
            asked = len(names(one)) + len(names(two))
            before = forwarder.all_down
            began = asyncio.get_running_loop().time()
            with pytest.raises(UpstreamFailure, match="nobody to ask" if fail_fast else "no answer in time"):
                await landed(forwarder.forward(question("last.example"), transport="udp"))
            assert (asyncio.get_running_loop().time() == began) == fail_fast
            assert (len(names(one)) + len(names(two)) == asked) == fail_fast
            assert forwarder.all_down == before + 1
            one.script = lambda asked: Do.ANSWER
            await until(lambda: not forwarder.is_down(where(one)))
            assert addresses(await landed(forwarder.forward(question(), transport="udp"))) == [ADDRESS]

    virtual_time.run(main())


@both
def test_an_rcode_fails_over(transport: Transport) -> None:
    async def main() -> None:
        settings = Settings(rules=Rules(failover=frozenset({numbers.REFUSED})))
        async with (
            FakeUpstream(lambda asked: asked.answer(rcode=numbers.REFUSED)) as one,
            FakeUpstream() as two,
            forwarding(one, two, settings=settings) as forwarder,
        ):
            assert addresses(await landed(forwarder.forward(question(), transport=transport))) == [ADDRESS]
            two.script = one.script
            assert (await landed(forwarder.forward(question(), transport=transport))).rcode == numbers.REFUSED
            assert [counters.failures for counters in forwarder.counters] == [0, 0]
            assert checks(one) == checks(two) == 0

    virtual_time.run(main())


def test_a_connection_that_answers_nobody_gets_no_more_questions() -> None:
    async def main() -> None:
        async with FakeUpstream() as upstream, forwarding(upstream) as forwarder:
            await landed(forwarder.forward(question()))
            upstream.script = lambda asked: Do.HOLD if asked.connection == 1 else Do.ANSWER
            slow = forwarder.forward(question("slow.example"))
            await asyncio.sleep(0.2)
            # It has not been silent for long enough to be given up; but long enough to ask elsewhere.
            first = forwarder.forward(question("quick.example"))
            await asyncio.sleep(0.01)
            await landed(forwarder.forward(question("quicker.example")))
            assert upstream.asked[-1].connection == 2
            upstream.release()
            await landed(slow)
            await landed(first)

    virtual_time.run(main())


def test_connections_grow_old() -> None:
    async def main() -> None:
        settings = Settings(tcp=TcpSettings(idle_seconds=1000, max_age=100))
        async with FakeUpstream() as upstream, forwarding(upstream, settings=settings) as forwarder:
            for number in range(100):
                await landed(forwarder.forward(question(f"n{number}.example")))
                await asyncio.sleep(4)
            assert 4 <= upstream.connections <= 6
            assert upstream.open_connections == 1

    virtual_time.run(main())


@both
def test_the_address_to_ask_from(transport: Transport) -> None:
    async def main() -> None:
        settings = Settings(tcp=TcpSettings(source="127.0.0.9"))
        async with FakeUpstream() as upstream, forwarding(upstream, settings=settings) as forwarder:
            await landed(forwarder.forward(question(), transport=transport))
            assert [asked.address for asked in upstream.asked] == ["127.0.0.9"]

    virtual_time.run(main())


@both
def test_an_address_that_is_not_ours_to_ask_from(transport: Transport) -> None:
    async def main() -> None:
        settings = Settings(tcp=TcpSettings(source="192.0.2.77"))
        async with FakeUpstream() as upstream, forwarding(upstream, settings=settings) as forwarder:
            with pytest.raises(UpstreamFailure, match=r"[Cc]annot assign requested address"):
                await landed(forwarder.forward(question(), transport=transport))

    virtual_time.run(main())


def test_what_is_counted() -> None:
    async def main() -> None:
        def script(asked: Asked) -> bytes:
            return asked.answer(rcode=numbers.NXDOMAIN if asked.name == "no.example." else numbers.NOERROR)

        async with FakeUpstream(script) as upstream, forwarding(upstream) as forwarder:
            for name in ("a.example", "b.example", "no.example"):
                await landed(forwarder.forward(question(name)))
            (counters,) = forwarder.counters
            assert counters.answers == {0: 2, 3: 1}
            assert (counters.tcp_hits, counters.tcp_misses) == (2, 1)
            for number in range(400):
                await landed(forwarder.forward(question(f"n{number}.example"), transport="udp"))
            assert counters.udp_hits + counters.udp_misses == 400
            assert 8 <= counters.udp_misses <= 12
            assert counters.requests == 403

    virtual_time.run(main())
