"""The forwarder against upstreams on loopback: real sockets, virtual time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import dnslib
import pytest

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.forwarder import Settings, TooManyQueries
from clusterdns.forward.tcp import TcpSettings
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from tests.support import virtual_time
from tests.support.upstream import ADDRESS, Asked, Do, Upstream
from tests.unit.forward.asking import (
    Transport,
    addresses,
    both,
    forwarding,
    landed,
    question,
)


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer(transport: Transport, host: str) -> None:
    async def main() -> None:
        async with Upstream(host=host) as upstream, forwarding(upstream) as forwarder:
            response = await landed(forwarder.forward(question(), transport=transport))
            assert addresses(response) == [ADDRESS]
            (asked,) = upstream.asked
            assert (asked.transport, asked.name, asked.has_edns) == (transport, "web.example.", True)
            (counters,) = forwarder.counters
            assert (counters.requests, dict(counters.answers), counters.failures) == (1, {0: 1}, 0)
            assert forwarder.in_flight == 0

    virtual_time.run(main())


@both
def test_alike_questions_share_one_message(transport: Transport) -> None:
    async def main() -> None:
        async with Upstream(lambda asked: Do.HOLD) as upstream, forwarding(upstream) as forwarder:
            alike = [
                forwarder.forward(question(name), transport=transport)
                for name in ("web.example", "WEB.example", "web.EXAMPLE")
            ]
            other = [
                forwarder.forward(question(dnssec_ok=True), transport=transport),
                forwarder.forward(question(qtype="AAAA"), transport=transport),
                forwarder.forward(question(), transport=transport, subnet=ClientSubnet(b"\x0a\x01\x02\x03", 32)),
            ]
            await upstream.wait_for(4)
            assert len({id(flight) for flight in [*alike, *other]}) == 4
            upstream.release()
            responses = [await landed(flight) for flight in alike]
            assert responses[0] is responses[1] is responses[2]
            for flight in other:
                await landed(flight)
            upstream.script = lambda asked: Do.ANSWER
            await landed(forwarder.forward(question(), transport=transport))
            assert len(upstream.asked) == 5

    virtual_time.run(main())


def test_many_questions_go_over_one_connection_and_come_back_in_any_order() -> None:
    async def main() -> None:
        async with Upstream(lambda asked: Do.HOLD) as upstream, forwarding(upstream) as forwarder:
            flights = {f"n{number}.example": forwarder.forward(question(f"n{number}.example")) for number in range(60)}
            await upstream.wait_for(60)
            upstream.release(backwards=True)
            for name, flight in flights.items():
                response = await landed(flight)
                assert str(dnslib.DNSRecord.parse(response.message).q.qname) == name + "."
            assert upstream.connections == 1
            assert len({asked.message[:2] for asked in upstream.asked}) == 60

    virtual_time.run(main())


def test_another_connection_is_opened_when_one_is_busy_and_no_more() -> None:
    async def main() -> None:
        async with Upstream(lambda asked: Do.HOLD) as upstream, forwarding(upstream) as forwarder:
            flights = []
            for batch in range(3):
                flights += [forwarder.forward(question(f"n{batch}-{number}.example")) for number in range(100)]
                await upstream.wait_for(len(flights))
            upstream.release()
            for flight in flights:
                await landed(flight)
            assert upstream.connections == 2
            assert {asked.connection for asked in upstream.asked} == {1, 2}

    virtual_time.run(main())


def test_truncated_over_udp_is_asked_over_tcp() -> None:
    async def main() -> None:
        def script(asked: Asked) -> Do:
            return Do.TRUNCATE if asked.transport == "udp" else Do.ANSWER

        async with Upstream(script) as upstream, forwarding(upstream) as forwarder:
            response = await landed(forwarder.forward(question(), transport="udp"))
            assert addresses(response) == [ADDRESS]
            assert [asked.transport for asked in upstream.asked] == ["udp", "tcp"]
            assert forwarder.counters[0].failures == 0

    virtual_time.run(main())


def test_a_datagram_longer_than_we_receive_is_asked_over_tcp() -> None:
    async def main() -> None:
        def script(asked: Asked) -> bytes:
            return asked.answer(records=400)

        async with Upstream(script) as upstream, forwarding(upstream) as forwarder:
            response = await landed(forwarder.forward(question(), transport="udp"))
            assert len(addresses(response)) == 400
            assert [asked.transport for asked in upstream.asked] == ["udp", "tcp"]

    virtual_time.run(main())


@both
def test_an_upstream_without_edns_is_asked_without(transport: Transport) -> None:
    async def main() -> None:
        def script(asked: Asked) -> Do | bytes:
            formerr = asked.message[:2] + b"\x80\x01" + bytes(8)
            return formerr if asked.has_edns else Do.ANSWER

        async with Upstream(script) as upstream, forwarding(upstream) as forwarder:
            response = await landed(forwarder.forward(question(), transport=transport))
            assert addresses(response) == [ADDRESS]
            assert [asked.has_edns for asked in upstream.asked] == [True, False]

    virtual_time.run(main())


@both
def test_an_error_of_the_upstream_is_the_answer(transport: Transport) -> None:
    async def main() -> None:
        def script(asked: Asked) -> bytes:
            return asked.answer(rcode=numbers.REFUSED)

        async with Upstream(script) as upstream, forwarding(upstream) as forwarder:
            response = await landed(forwarder.forward(question(), transport=transport))
            assert response.rcode == numbers.REFUSED
            assert forwarder.counters[0].answers == {numbers.REFUSED: 1}

    virtual_time.run(main())


def test_an_idle_connection_is_closed_and_opened_again_on_demand() -> None:
    async def main() -> None:
        async with (
            Upstream() as upstream,
            forwarding(upstream, settings=Settings(tcp=TcpSettings(idle_seconds=10))) as forwarder,
        ):
            await landed(forwarder.forward(question()))
            await asyncio.sleep(8)
            await landed(forwarder.forward(question()))
            await asyncio.sleep(8)
            assert upstream.open_connections == 1
            await asyncio.sleep(3)
            assert upstream.open_connections == 0
            await landed(forwarder.forward(question()))
            assert upstream.connections == 2
            counters = forwarder.counters[0]
            assert (counters.connections_opened, counters.tcp_hits, counters.tcp_misses) == (2, 1, 2)

    virtual_time.run(main())


def test_ports_and_ids_of_datagrams_are_many() -> None:
    async def main() -> None:
        async with Upstream() as upstream, forwarding(upstream) as forwarder:
            for number in range(600):
                await landed(forwarder.forward(question(f"n{number}.example"), transport="udp"))
            assert len({asked.port for asked in upstream.asked}) >= 8
            assert len({asked.message[:2] for asked in upstream.asked}) >= 500
            await asyncio.sleep(11)
            await landed(forwarder.forward(question(), transport="udp"))
            assert upstream.asked[-1].port not in {asked.port for asked in upstream.asked[:-1]}

    virtual_time.run(main())


@both
def test_no_more_questions_than_allowed(transport: Transport) -> None:
    async def main() -> None:
        async with (
            Upstream(lambda asked: Do.HOLD) as upstream,
            forwarding(upstream, settings=Settings(max_in_flight=2)) as forwarder,
        ):
            flights = [forwarder.forward(question(name), transport=transport) for name in ("a", "b", "A")]
            with pytest.raises(TooManyQueries):
                forwarder.forward(question("c"), transport=transport)
            await upstream.wait_for(2)
            upstream.release()
            for flight in flights:
                await landed(flight)
            upstream.script = lambda asked: Do.ANSWER
            await landed(forwarder.forward(question("c"), transport=transport))
            assert forwarder.rejected == 1

    virtual_time.run(main())


@both
def test_closing_ends_what_is_under_way(transport: Transport) -> None:
    async def main() -> None:
        async with Upstream(lambda asked: Do.HOLD) as upstream, forwarding(upstream) as forwarder:
            flights = [forwarder.forward(question(name), transport=transport) for name in ("a", "b")]
            await upstream.wait_for(2)
            await forwarder.close()
            for flight in flights:
                with pytest.raises(UpstreamFailure, match="closing"):
                    await landed(flight)
            with pytest.raises(UpstreamFailure, match="closing"):
                await landed(forwarder.forward(question(), transport=transport))

    virtual_time.run(main())


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_closing_while_a_connection_is_being_opened(turns: int) -> None:
    async def main() -> None:
        async with Upstream(accepts=False) as upstream, forwarding(upstream) as forwarder:
            flight = forwarder.forward(question())
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(10):
                await forwarder.close()
            with pytest.raises(UpstreamFailure, match="closing"):
                await landed(flight)

    virtual_time.run(main())


@both
def test_a_bug_of_one_waiter_does_not_reach_the_others(transport: Transport, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Upstream(lambda asked: Do.HOLD) as upstream, forwarding(upstream) as forwarder:

            def fail() -> None:
                raise RuntimeError("on purpose")

            forwarder.forward(question("a"), transport=transport).when_done(fail)
            flight = forwarder.forward(question("b"), transport=transport)
            await upstream.wait_for(2)
            upstream.release()
            assert addresses(await landed(flight)) == [ADDRESS]

    with caplog.at_level(logging.ERROR):
        virtual_time.run(main())
    assert [record.exc_info[1].args for record in caplog.records if record.exc_info and record.exc_info[1]] == [
        ("on purpose",)
    ]


@both
def test_whoever_waits_may_ask_again_at_once(transport: Transport) -> None:
    async def main() -> None:
        async with Upstream() as upstream, forwarding(upstream) as forwarder:
            seen: list[Any] = []

            def ask_next() -> None:
                flight = forwarder.forward(question(f"n{len(seen)}.example"), transport=transport)
                seen.append(flight)
                if len(seen) < 20:
                    flight.when_done(ask_next)

            ask_next()
            await upstream.wait_for(20)
            for flight in seen:
                assert addresses(await landed(flight)) == [ADDRESS]

    virtual_time.run(main())
