"""The `forward` directive: which names it takes, how it asks, and for whom the answer is."""

from __future__ import annotations

import asyncio
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
from clusterdns.directives.forward import Forward, settings_of, upstreams_of
from clusterdns.errors import ConfigError, UpstreamFailure
from clusterdns.flight import start
from clusterdns.forward.checks import CheckSettings
from clusterdns.forward.exchange import Rules
from clusterdns.forward.forwarder import Settings
from clusterdns.forward.tcp import TcpSettings
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
        ("", "tcp", "udp"),
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


def test_addresses_are_taken_as_written() -> None:
    text = "forward . 127.0.0.1 dns://10.0.0.1:5353 [2001:DB8::1]:54 127.0.0.1:53"
    assert [str(upstream) for upstream in upstreams_of(config(text), [Upstream("127.0.0.1", 53)])] == [
        "127.0.0.1:53",
        "10.0.0.1:5353",
        "[2001:db8::1]:54",
    ]


def test_a_file_without_this_node(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, "169.254.20.10", "10.0.0.10", "10.0.0.10", "10.0.0.11")
    own = [Upstream("169.254.20.10", 53)]
    assert [str(upstream) for upstream in upstreams_of(config(f"forward . {path} 10.0.0.11"), own)] == [
        "10.0.0.10:53",
        "10.0.0.11:53",
    ]


def test_too_many_upstreams_of_files(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, *(f"10.0.0.{number}" for number in range(16)))
    with pytest.raises(ConfigError, match="16 upstreams; 15 is the most"):
        upstreams_of(config(f"forward . {path}"))


def test_whom_tls_upstreams_must_prove_to_be() -> None:
    with pytest.raises(ConfigError, match="not both"):
        config("forward . tls://9.9.9.9 tls://9.9.9.10%dns.example {\ntls_servername dns.example\n}")
    assert upstreams_of(config("forward . tls://9.9.9.9 tls://9.9.9.10%dns.example:8853")) == (
        Upstream("9.9.9.9", 853, True),
        Upstream("9.9.9.10", 8853, True, "dns.example"),
    )
    text = "forward . tls://9.9.9.9 10.0.0.1 {\ntls_servername dns.example\n}"
    assert upstreams_of(config(text)) == (Upstream("9.9.9.9", 853, True, "dns.example"), Upstream("10.0.0.1", 53))


def test_what_a_line_says_is_how_it_is_asked() -> None:
    text = """forward . 10.0.0.1 {
        max_fails 3
        health_check 1s no_rec domain Health.local
        read_timeout 500ms
        expire 20s
        max_age 5m
        max_idle_conns 4
        max_connect_attempts 3
        max_concurrent 1000
        failover SERVFAIL REFUSED
        source_address 10.0.0.9
        failfast_all_unhealthy_upstreams
    }"""
    line = config(text)
    assert settings_of(line, upstreams_of(line)) == Settings(
        max_in_flight=1000,
        rules=Rules(1.8, 0.5, frozenset({2, 5})),
        tcp=TcpSettings(4, 20, 0.5, 300, "10.0.0.9"),
        checks=CheckSettings(1.0, 1.0, b"\6health\5local\0", False),
        max_fails=3,
        max_tries=3,
        fail_fast=True,
    )
    assert settings_of(config("forward . 10.0.0.1"), ()) == Settings()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("source_address ::1", "source_address ::1 can't be used to ask 10.0.0.1:853; write a forward line of its own"),
        ("tls /nowhere/ca.pem", "the authority's file /nowhere/ca.pem can't be used: No such file"),
        ("tls /nowhere/cert.pem /nowhere/key.pem", "certificate /nowhere/cert.pem and key .* can't be used: No such f"),
    ],
)
def test_what_can_not_be_used(options: str, message: str) -> None:
    line = config(f"forward . tls://10.0.0.1 {{\n{options}\n}}")
    with pytest.raises(ConfigError, match=message):
        settings_of(line, upstreams_of(line))


@pytest.mark.parametrize(
    ("options", "rcode", "records", "source"),
    [
        ("", numbers.NXDOMAIN, 0, "first"),
        ("next NXDOMAIN", numbers.NXDOMAIN, 0, "second"),
        ("next NXDOMAIN", numbers.SERVFAIL, 0, "first"),
        ("next NXDOMAIN SERVFAIL", numbers.SERVFAIL, 0, "second"),
        ("next NXDOMAIN", numbers.NOERROR, 0, "first"),
        ("next NOERROR", numbers.NOERROR, 1, "second"),
        ("next_on_nodata", numbers.NOERROR, 0, "second"),
        ("next_on_nodata", numbers.NOERROR, 1, "first"),
        ("next_on_nodata", numbers.NXDOMAIN, 0, "first"),
    ],
)
def test_next(options: str, rcode: int, records: int, source: str) -> None:
    async def main() -> None:
        def answer(asked: Asked) -> bytes:
            return asked.answer(rcode=rcode, records=records)

        text = f"forward . UPSTREAM {{\n{options}\n}}" if options else "forward . UPSTREAM"
        async with FakeUpstream(answer) as one, FakeUpstream() as two, serving("forward . UPSTREAM", two) as second:
            first = forward.build(config(text.replace("UPSTREAM", f"127.0.0.1:{one.port}")), second.handle)
            reply = await landed(start(first.handle(request())))
            assert (len(one.asked), len(two.asked)) == (1, 1 if source == "second" else 0)
            assert addresses(reply.response) == (["192.0.2.1"] if records or source == "second" else [])
            await first.forwarder.close()

    virtual_time.run(main())


def test_next_is_ignored_without_another_forward() -> None:
    async def main() -> None:
        text = "forward . UPSTREAM {\nnext NXDOMAIN\n}"
        async with (
            FakeUpstream(lambda asked: asked.answer(rcode=numbers.NXDOMAIN)) as upstream,
            serving(text, upstream) as handler,
        ):
            assert (await landed(start(handler.handle(request())))).source == "forward"

    virtual_time.run(main())


def test_a_resolv_conf_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        path = resolv_conf(tmp_path, "192.0.2.1")
        handler = forward.build(config(f"forward . {path}"), following)
        seen = [list(map(str, handler.forwarder.upstreams))]
        for servers in (["192.0.2.2", "192.0.2.3"], ["127.0.0.1"], ["192.0.2.4"]):
            replaced = tmp_path / "new"
            replaced.write_text("".join(f"nameserver {server}\n" for server in servers))
            replaced.rename(path)
            await asyncio.sleep(6)
            seen.append(list(map(str, handler.forwarder.upstreams)))
        assert seen == [["192.0.2.1:53"], *[["192.0.2.2:53", "192.0.2.3:53"]] * 2, ["192.0.2.4:53"]]
        await handler.forwarder.close()
        resolv_conf(tmp_path, "192.0.2.9")
        await asyncio.sleep(6)
        assert list(map(str, handler.forwarder.upstreams)) == ["192.0.2.4:53"]

    with caplog.at_level(logging.WARNING, "clusterdns.forward.following"):
        virtual_time.run(main())
    (warning,) = caplog.messages
    assert "names only this node itself (127.0.0.1)" in warning
    assert warning.endswith("going on with 192.0.2.2:53, 192.0.2.3:53")


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
