"""DNS over TLS against a server on loopback with a certificate of the test's own authority (RFC 7858, RFC 8310)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.exchange import Transport
from clusterdns.forward.forwarder import Forwarder, Settings
from clusterdns.forward.tcp import TcpSettings
from clusterdns.forward.tls import client_context
from clusterdns.forward.upstreams import Upstream
from tests.support import virtual_time
from tests.support.certificates import Authority
from tests.support.upstream import ADDRESS, Do
from tests.support.upstream import Upstream as FakeUpstream
from tests.unit.forward.asking import addresses, landed, question

NAME = "dns.example"


@asynccontextmanager
async def forwarding(upstream: FakeUpstream, context: ssl.SSLContext, name: str = NAME) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder([Upstream(upstream.host, upstream.port, True, name)], Settings(tcp=TcpSettings(tls=context)))
    try:
        yield forwarder
    finally:
        await forwarder.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("named", "expected"), [(NAME, NAME), ("127.0.0.1", ""), ("127.0.0.1", "127.0.0.1")])
def test_many_questions_over_one_connection(tmp_path: Path, transport: Transport, named: str, expected: str) -> None:
    authority = Authority(tmp_path)
    context = client_context(authority=str(authority.file))

    async def main() -> None:
        async with (
            FakeUpstream(tls=authority.server(named)) as upstream,
            forwarding(upstream, context, expected) as forwarder,
        ):
            flights = [forwarder.forward(question(f"n{number}.example"), transport=transport) for number in range(30)]
            for flight in flights:
                assert addresses(await landed(flight)) == [ADDRESS]
            assert {(asked.transport, asked.connection) for asked in upstream.asked} == {("tcp", 1)}
            assert forwarder.counters[0].tcp_misses == 30
            await landed(forwarder.forward(question(), transport=transport))
            assert forwarder.counters[0].tcp_hits == 1

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("named", "is_over", "is_trusted", "reason"),
    [
        ("other.example", False, True, "the server's certificate does not fit: Hostname mismatch.*dns.example"),
        ("127.0.0.1", False, True, "the server's certificate does not fit: Hostname mismatch.*dns.example"),
        (NAME, True, True, "the server's certificate does not fit: certificate has expired"),
        (NAME, False, False, "certificate does not fit: self-signed .*; check tls_servername and the authority of tls"),
    ],
)
def test_a_certificate_that_does_not_fit(
    tmp_path: Path, named: str, is_over: bool, is_trusted: bool, reason: str
) -> None:
    authority = Authority(tmp_path)
    trusted = authority if is_trusted else Authority(tmp_path, "stranger")
    context = client_context(authority=str(trusted.file))

    async def main() -> None:
        server = authority.server(named, is_over=is_over)
        async with FakeUpstream(tls=server) as upstream, forwarding(upstream, context) as forwarder:
            with pytest.raises(UpstreamFailure, match=reason):
                await landed(forwarder.forward(question(), transport="udp"))
            # Neither over another connection without TLS, nor over UDP.
            assert upstream.asked == []

    virtual_time.run(main())


def test_a_server_without_tls_is_told_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        context = client_context(authority=str(Authority(tmp_path).file))
        async with FakeUpstream() as upstream, forwarding(upstream, context) as forwarder:
            with pytest.raises(UpstreamFailure):
                await landed(forwarder.forward(question()))
            assert upstream.asked == []

    virtual_time.run(main())


@pytest.mark.parametrize("has_certificate", [True, False])
def test_a_server_that_wants_to_know_its_clients(tmp_path: Path, has_certificate: bool) -> None:
    authority = Authority(tmp_path)
    certificate, key = map(str, authority.issue("node.example")) if has_certificate else ("", "")
    context = client_context(certificate, key, str(authority.file))

    async def main() -> None:
        server = authority.server(NAME, asks_for_client=True)
        async with FakeUpstream(tls=server) as upstream, forwarding(upstream, context) as forwarder:
            flight = forwarder.forward(question())
            if has_certificate:
                assert addresses(await landed(flight)) == [ADDRESS]
            else:
                with pytest.raises(UpstreamFailure, match=r"TLS: .*certificate required|closed the connection"):
                    await landed(flight)

    virtual_time.run(main())


def test_a_server_that_dies_and_returns(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = client_context(authority=str(authority.file))

    async def main() -> None:
        async with (
            FakeUpstream(lambda asked: Do.HOLD, tls=authority.server(NAME)) as upstream,
            forwarding(upstream, context) as forwarder,
        ):
            flight = forwarder.forward(question())
            await upstream.wait_for(1)
            await upstream.stop()
            with pytest.raises(UpstreamFailure):
                await landed(flight)
            upstream.script = lambda asked: Do.ANSWER
            await upstream.start()
            await asyncio.sleep(1)
            assert addresses(await landed(forwarder.forward(question()))) == [ADDRESS]

    virtual_time.run(main())
