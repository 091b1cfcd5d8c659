"""The `forward` directive: which names it takes, how it asks, and for whom the answer is."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import dnslib
import pytest

from clusterdns.corefile.parse import parse
from clusterdns.directives import forward
from clusterdns.directives.chain import Reply, Request, client_view, reply_with
from clusterdns.directives.config import forward as forward_config
from clusterdns.directives.forward import Forward, upstreams_of
from clusterdns.errors import ConfigError, UpstreamFailure
from clusterdns.flight import start
from clusterdns.forward.upstreams import Upstream
from clusterdns.wire import numbers
from clusterdns.wire.query import read_query
from tests.support import virtual_time
from tests.support.upstream import Asked, Do
from tests.support.upstream import Upstream as FakeUpstream
from tests.unit.forward.asking import addresses, landed

CLIENT = "10.1.2.3"
CLIENT6 = "2001:db8::7"


def config(text: str) -> forward_config.Config:
    return forward_config.parse(parse(f". {{\n{text}\n}}", "Corefile", environ={}).server_blocks[0].directives[0])


def request(name: str = "web.example", *, client: str = CLIENT, transport: str = "udp") -> Request:
    return Request(read_query(bytes(dnslib.DNSRecord.question(name).pack())), client, transport, 0.0)


async def following(asked: Request) -> Reply:
    """The rest of the chain: says no."""
    return reply_with(asked, "next", rcode=numbers.NXDOMAIN)


@asynccontextmanager
async def serving(text: str, upstream: FakeUpstream) -> AsyncIterator[Forward]:
    """The handler of a line in which UPSTREAM stands for the upstream's address."""
    where = str(Upstream(upstream.host, upstream.port))
    handler = forward.build(config(text.replace("UPSTREAM", where)), following)
    try:
        yield handler
    finally:
        await handler.forwarder.close()


def subnet_option(asked: Asked) -> bytes | None:
    """The data of the client's subnet in a message."""
    for record in asked.parsed.ar:
        for option in record.rdata:
            if option.code == 8:
                return bytes(option.data)
    return None


def with_scope(scope: int) -> Callable[[Asked], bytes]:
    """Answers that are for the clients of a prefix of so many bits."""

    def answer(asked: Asked) -> bytes:
        sent = subnet_option(asked)
        assert sent is not None
        reply = dnslib.DNSRecord.parse(asked.answer())
        reply.add_ar(dnslib.EDNS0(opts=[dnslib.EDNSOption(8, sent[:3] + bytes((scope,)) + sent[4:])]))
        return bytes(reply.pack())

    return answer


@pytest.mark.parametrize(
    ("line", "name", "source"),
    [
        ("forward . UPSTREAM", "web.example", "forward"),
        ("forward . UPSTREAM", ".", "forward"),
        ("forward example.org UPSTREAM", "example.org", "forward"),
        ("forward example.org UPSTREAM", "WEB.Example.ORG", "forward"),
        ("forward example.org UPSTREAM", "notexample.org", "next"),
        ("forward example.org UPSTREAM", "org", "next"),
        ("forward . UPSTREAM {\nexcept cluster.local in-addr.arpa\n}", "web.example", "forward"),
        ("forward . UPSTREAM {\nexcept cluster.local in-addr.arpa\n}", "web.shop.svc.CLUSTER.local", "next"),
        ("forward . UPSTREAM {\nexcept cluster.local in-addr.arpa\n}", "cluster.local", "next"),
        ("forward . UPSTREAM {\nexcept cluster.local in-addr.arpa\n}", "mycluster.local", "forward"),
    ],
)
def test_names(line: str, name: str, source: str) -> None:
    async def main() -> None:
        async with FakeUpstream() as upstream, serving(line, upstream) as handler:
            reply = await landed(start(handler.handle(request(name))))
            assert reply.source == source
            assert len(upstream.asked) == (source == "forward")

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("options", "client", "expected"),
    [
        ("", "udp", "udp"),
        ("", "tcp", "tcp"),
        ("force_tcp", "udp", "tcp"),
        ("prefer_udp", "tcp", "udp"),
        ("prefer_udp\nforce_tcp", "udp", "tcp"),
    ],
)
def test_transport(options: str, client: Literal["udp", "tcp"], expected: str) -> None:
    async def main() -> None:
        text = f"forward . UPSTREAM {{\n{options}\n}}" if options else "forward . UPSTREAM"
        async with FakeUpstream() as upstream, serving(text, upstream) as handler:
            await landed(start(handler.handle(request(transport=client))))
            assert [asked.transport for asked in upstream.asked] == [expected]

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("client", "option", "scope", "view"),
    [
        (CLIENT, bytes((0, 1, 32, 0, 10, 1, 2, 3)), 0, None),
        (CLIENT, bytes((0, 1, 32, 0, 10, 1, 2, 3)), 32, client_view(CLIENT)),
        (CLIENT, bytes((0, 1, 32, 0, 10, 1, 2, 3)), 24, client_view(CLIENT)),
        (CLIENT6, b"\0\2\x80\0 \1\r\xb8" + bytes(11) + b"\7", 0, None),
        (CLIENT6, b"\0\2\x80\0 \1\r\xb8" + bytes(11) + b"\7", 128, client_view(CLIENT6)),
        (CLIENT6, b"\0\2\x80\0 \1\r\xb8" + bytes(11) + b"\7", 56, client_view(CLIENT6)),
    ],
)
def test_client_subnet(client: str, option: bytes, scope: int, view: bytes | None) -> None:
    async def main() -> None:
        text = "forward . UPSTREAM {\nclient_subnet\n}"
        async with FakeUpstream(with_scope(scope)) as upstream, serving(text, upstream) as handler:
            reply = await landed(start(handler.handle(request(client=client))))
            assert [subnet_option(asked) for asked in upstream.asked] == [option]
            assert (reply.view, reply.scope, reply.cacheable) == (view, None, True)

    virtual_time.run(main())


def test_an_answer_without_the_option_is_for_everyone() -> None:
    async def main() -> None:
        text = "forward . UPSTREAM {\nclient_subnet\n}"
        async with FakeUpstream() as upstream, serving(text, upstream) as handler:
            assert (await landed(start(handler.handle(request())))).view is None

    virtual_time.run(main())


def test_nobody_learns_of_the_client_without_client_subnet() -> None:
    async def main() -> None:
        async with FakeUpstream() as upstream, serving("forward . UPSTREAM", upstream) as handler:
            query = dnslib.DNSRecord.question("web.example")
            query.add_ar(dnslib.EDNS0(opts=[dnslib.EDNSOption(8, bytes((0, 1, 32, 0, 10, 1, 2, 3)))]))
            asked = Request(read_query(bytes(query.pack())), CLIENT, "udp", 0.0)
            reply = await landed(start(handler.handle(asked)))
            assert addresses(reply.response) == ["192.0.2.1"]
            assert [subnet_option(each) for each in upstream.asked] == [None]

    virtual_time.run(main())


def test_failure_is_for_whoever_is_in_front() -> None:
    async def main() -> None:
        async with FakeUpstream() as upstream, serving("forward . UPSTREAM", upstream) as handler:
            await upstream.stop()
            with pytest.raises(UpstreamFailure):
                await landed(start(handler.handle(request())))

    virtual_time.run(main())


def test_too_many_are_refused() -> None:
    async def main() -> None:
        text = "forward . UPSTREAM {\nmax_concurrent 1\n}"
        async with FakeUpstream(lambda asked: Do.HOLD) as upstream, serving(text, upstream) as handler:
            under_way = start(handler.handle(request("a.example")))
            reply = await landed(start(handler.handle(request("b.example"))))
            assert (reply.response.rcode, reply.cacheable) == (numbers.REFUSED, False)
            await upstream.wait_for(1)
            upstream.release()
            assert (await landed(under_way)).response.rcode == numbers.NOERROR

    virtual_time.run(main())


def resolv_conf(folder: Path, *servers: str) -> Path:
    path = folder / "resolv.conf"
    path.write_text("".join(f"nameserver {server}\n" for server in servers))
    return path


@pytest.mark.parametrize(
    ("servers", "own", "found"),
    [
        (["10.0.0.10"], [], ["10.0.0.10:53"]),
        (["127.0.0.53"], [], ["127.0.0.53:53"]),
        (["169.254.20.10", "10.0.0.10"], [Upstream("169.254.20.10", 53)], ["10.0.0.10:53"]),
        (["127.0.0.1"], [Upstream("127.0.0.1", 5353)], ["127.0.0.1:53"]),
        (["127.0.0.1", "::1", "10.0.0.10"], [Upstream("0.0.0.0", 53)], ["[::1]:53", "10.0.0.10:53"]),
        (["127.0.0.1", "::1"], [Upstream("::", 53)], ["127.0.0.1:53"]),
        (["10.0.0.10", "10.0.0.10"], [], ["10.0.0.10:53"]),
    ],
)
def test_name_servers_of_a_file_but_ourselves(
    tmp_path: Path, servers: list[str], own: list[Upstream], found: list[str]
) -> None:
    path = resolv_conf(tmp_path, *servers)
    assert [str(upstream) for upstream in upstreams_of(config(f"forward . {path}"), own)] == found


def test_addresses_are_taken_as_written() -> None:
    text = "forward . 127.0.0.1 dns://10.0.0.1:5353 [2001:DB8::1]:54 127.0.0.1:53"
    assert [str(upstream) for upstream in upstreams_of(config(text), [Upstream("127.0.0.1", 53)])] == [
        "127.0.0.1:53",
        "10.0.0.1:5353",
        "[2001:db8::1]:54",
    ]


def test_only_ourselves_is_an_error(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, "169.254.20.10")
    with pytest.raises(ConfigError, match="names only this server; write an upstream's address"):
        upstreams_of(config(f"forward . {path}"), [Upstream("169.254.20.10", 53)])


def test_too_many_upstreams_of_files(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, *(f"10.0.0.{number}" for number in range(16)))
    with pytest.raises(ConfigError, match="16 upstreams; 15 is the most"):
        upstreams_of(config(f"forward . {path}"))


def test_tls_is_refused_until_it_works() -> None:
    with pytest.raises(ConfigError, match=r"tls://9\.9\.9\.9 is not supported yet"):
        upstreams_of(config("forward . tls://9.9.9.9"))


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ("force_tcp\npolicy sequential\nexpire 5s\nmax_concurrent 1000\nread_timeout 1s", []),
        ("max_fails 3\nhealth_check 1s", ["forward: max_fails, health_check: no effect yet"]),
    ],
)
def test_options_without_effect_are_named(options: str, warned: list[str], caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with FakeUpstream() as upstream, serving(f"forward . UPSTREAM {{\n{options}\n}}", upstream):
            pass

    with caplog.at_level(logging.WARNING, "clusterdns.directives.forward"):
        virtual_time.run(main())
    assert caplog.messages == warned


@pytest.mark.parametrize(
    ("policy", "asked"),
    [("sequential", [3, 0]), ("round_robin", [2, 1])],
)
def test_policies(policy: str, asked: list[int]) -> None:
    async def main() -> None:
        async with FakeUpstream() as one, FakeUpstream() as two:
            text = f"forward . 127.0.0.1:{one.port} 127.0.0.1:{two.port} {{\npolicy {policy}\n}}"
            handler = forward.build(config(text), following)
            for number in range(3):
                await landed(start(handler.handle(request(f"n{number}.example"))))
            assert [len(one.asked), len(two.asked)] == asked
            await handler.forwarder.close()

    virtual_time.run(main())


def test_random_reaches_everyone() -> None:
    async def main() -> None:
        async with FakeUpstream() as one, FakeUpstream() as two:
            handler = forward.build(config(f"forward . 127.0.0.1:{one.port} 127.0.0.1:{two.port}"), following)
            names: list[Any] = [start(handler.handle(request(f"n{number}.example"))) for number in range(64)]
            for flight in names:
                await landed(flight)
            assert one.asked
            assert two.asked
            await handler.forwarder.close()

    virtual_time.run(main())
