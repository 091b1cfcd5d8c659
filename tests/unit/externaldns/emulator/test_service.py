"""The program: its flags, its one line of output, its end, its file, and garbage on its ports."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from alibabacloud_pvtz20180101 import models as m
from darabonba.exceptions import UnretryableException

from clusterdns.errors import ConfigError
from clusterdns.listen.sockets import open_udp
from externaldns.providers.privatezone.emulator import dns as emulator_dns
from externaldns.providers.privatezone.emulator.dns import DnsServer
from externaldns.providers.privatezone.emulator.flags import parse_flags
from externaldns.providers.privatezone.emulator.http import ApiServer
from externaldns.providers.privatezone.emulator.service import Listening, main, open_store, running
from externaldns.providers.privatezone.emulator.signature import AccessKey
from externaldns.providers.privatezone.emulator.store import Store
from externaldns.providers.privatezone.emulator.vpc_view import VpcView
from tests.unit.externaldns.emulator.live import FLAGS, Address, Process, ask, client, emulator, exchange_udp, only_zone

NAME = "web.demo.internal"


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "privatezone.db")


def add(api: Address, zone_id: str, value: str) -> None:
    request = m.AddZoneRecordRequest(zone_id=zone_id, rr="web", type="A", value=value)
    client(api).add_zone_record(request)


def join(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def test_the_process_says_when_it_is_ready_and_ends_cleanly(database: str) -> None:
    process = Process("--database", database, "--zone", "demo.internal")
    assert process.ready == f"ready api={join(process.api)} dns={join(process.dns)}\n"
    add(process.api, only_zone(client(process.api)), "10.0.0.1")
    assert ask(process.dns, NAME).rcode() == dns.rcode.NOERROR
    assert process.end(signal.SIGTERM) == (0, "", "")


def test_an_acknowledged_write_survives_kill_9_and_a_restart_doubles_nothing(database: str) -> None:
    flags = ("--database", database, "--zone", "demo.internal")
    process = Process(*flags)
    zone_id = only_zone(client(process.api))
    acknowledged: list[str] = []
    enough = threading.Event()

    def write_until_it_dies() -> None:
        for number in range(256):
            try:
                add(process.api, zone_id, f"10.0.0.{number}")
            except UnretryableException:
                return
            acknowledged.append(f"10.0.0.{number}")
            if number == 10:
                enough.set()

    writer = threading.Thread(target=write_until_it_dies, daemon=True)
    writer.start()
    assert enough.wait(timeout=30)
    process.end(signal.SIGKILL)  # In the middle of a write, as likely as not.
    writer.join(timeout=60)
    assert not writer.is_alive()

    # On the same ports: nothing of the dead one is in the way.
    restarted = Process(*flags, "--api-listen", join(process.api), "--dns-listen", join(process.dns))
    assert restarted.api == process.api
    assert only_zone(client(restarted.api)) == zone_id
    sdk = client(restarted.api)
    records = sdk.describe_zone_records(m.DescribeZoneRecordsRequest(zone_id=zone_id, page_size=100)).body
    kept = [row.value for row in records.records.record]
    # The write that was cut off may be there or not; it was not acknowledged.
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1
    assert sorted(rdata.to_text() for rdata in ask(restarted.dns, NAME, tcp=True).answer[0]) == sorted(kept)
    assert restarted.end(signal.SIGINT) == (0, "", "")


def test_restarts_bind_again_what_the_flags_name(database: str) -> None:
    with emulator(database, "--zone", "demo.internal") as listening:
        zone_id = only_zone(client(listening.api))
    with emulator(database, "--zone", "Demo.internal.", "--vpc", "vpc-second") as listening:
        assert only_zone(client(listening.api)) == zone_id
        info = client(listening.api).describe_zone_info(m.DescribeZoneInfoRequest(zone_id=zone_id)).body
        assert [vpc.vpc_id for vpc in info.bind_vpcs.vpc] == ["vpc-demo", "vpc-second"]


def test_ipv6(database: str) -> None:
    process = Process("--database", database, "--zone", "demo.internal", "--api-listen=[::1]:0", "--dns-listen=[::1]:0")
    assert process.ready == f"ready api=[::1]:{process.api[1]} dns=[::1]:{process.dns[1]}\n"
    sdk = client(process.api, endpoint=f"[::1]:{process.api[1]}")
    zone_id = sdk.describe_zones(m.DescribeZonesRequest()).body.zones.zone[0].zone_id
    sdk.add_zone_record(m.AddZoneRecordRequest(zone_id=zone_id, rr="web", type="AAAA", value="fd00::1"))
    for tcp in (False, True):
        assert ask(process.dns, NAME, "AAAA", tcp=tcp).answer[0][0].to_text() == "fd00::1"
    assert process.end(signal.SIGTERM) == (0, "", "")


FLAG_FAULTS = [
    (["--zone", "a..b"], "--zone or --vpc: The zone name is not valid"),
    (["--vpc", "demo"], "--zone or --vpc: The VPC demo does not exist"),
    (["--api-listen", "8080"], "--api-listen: '8080' must be IP:PORT"),
    (["--api-listen", "localhost:8080"], "--api-listen: 'localhost:8080' must be IP:PORT"),
    (["--dns-listen", "127.0.0.1:65536"], "--dns-listen: '127.0.0.1:65536' must be IP:PORT"),
    (["--dns-listen", "127.0.0.1:-1"], "--dns-listen: '127.0.0.1:-1' must be IP:PORT"),
    (["--dns-listen", "::1:53"], "--dns-listen: '::1:53' must be IP:PORT"),
    (["--dns-listen", "[127.0.0.1]:53"], "--dns-listen: '[127.0.0.1]:53' must be IP:PORT"),
    (["--write-qps", "0"], "--write-qps: API quota is 0, but must be between"),
    (["--write-qps", "fast"], "argument --write-qps: invalid float value: 'fast'"),
    (["--error-code", "x"], "--error-code: 'x' must be OURS=THEIRS"),
    (["--access-key-secret", ""], "--access-key-id and --access-key-secret: neither may be empty"),
    (["--unheard-of"], "unrecognized arguments: --unheard-of"),
]


@pytest.mark.parametrize(("flags", "message"), FLAG_FAULTS)
def test_bad_flags_are_one_line_and_exit_2(
    flags: list[str], message: str, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--database", database, *FLAGS, *flags]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"privatezone-emulator: {message}")
    assert err.count("\n") == 1


def test_required_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    required = "--database, --access-key-id, --access-key-secret"
    assert capsys.readouterr().err == f"privatezone-emulator: the following arguments are required: {required}\n"


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"this is not SQLite" * 100)


def _newer_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (_not_a_database, "can't use the database: file is not a database"),
        (_newer_schema, "the database has schema 99, this emulator needs 2"),
        (lambda path: path.mkdir(), "can't use the database: unable to open database file"),
    ],
)
def test_a_database_that_can_not_be_used(
    prepare: Callable[[Path], None], message: str, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(Path(database))
    assert main(["--database", database, *FLAGS]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"privatezone-emulator: {database}: {message}")
    assert err.count("\n") == 1


def test_two_emulators_do_not_share_a_file(database: str) -> None:
    with emulator(database), pytest.raises(ConfigError, match="database is locked"):
        Store(database)


def test_a_port_in_use_is_one_line_and_exit_1(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--database", database, *FLAGS, "--api-listen", f"127.0.0.1:{port}"]) == 1
        assert main(["--database", database, *FLAGS, "--dns-listen", f"127.0.0.1:{port}"]) == 1
    err = capsys.readouterr().err
    assert err.count("can't listen ") == err.count(str(port)) == err.count("\n") == 2


def test_two_emulators_do_not_share_a_port(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    with emulator(":memory:") as listening:
        for flag, address in (("--api-listen", listening.api), ("--dns-listen", listening.dns)):
            assert main(["--database", database, *FLAGS, flag, join(address)]) == 1
    assert capsys.readouterr().err.count("can't listen ") == 2


def test_port_0_is_one_that_udp_has_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def taken_at_first(host: str, port: int) -> socket.socket:
        asked.append(port)
        if len(asked) == 1:
            raise ConfigError("can't listen: another program does")
        return open_udp(host, port)

    monkeypatch.setattr(emulator_dns, "open_udp", taken_at_first)
    with closing(Store(":memory:")) as store:
        server = DnsServer(VpcView(store, "vpc-demo"), "127.0.0.1", 0)
        assert server.address == ("127.0.0.1", asked[1])
        asyncio.run(server.close())


def test_zones_of_the_flags_within_the_quota(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    zones = [f"--zone=z{number}.internal" for number in range(501)]
    assert main(["--database", database, *FLAGS, *zones]) == 2
    message = "QuotaExceeded.Zone: An account holds at most 500 zones."
    assert capsys.readouterr().err == f"privatezone-emulator: {message}\n"


def test_values_of_flags() -> None:
    flags = parse_flags(
        [
            "--database=f",
            *FLAGS,
            "--api-listen=[::1]:80",
            "--dns-listen=0.0.0.0:53",
            "--zone=a",
            "--zone=B.",
            "--vpc=vpc-1",
        ]
    )
    assert (flags.api_listen, flags.dns_listen) == (("::1", 80), ("0.0.0.0", 53))
    assert (flags.zones, flags.vpc.vpc_id) == (("a", "b"), "vpc-1")
    assert flags.quotas == {"read": None, "write": None, "zone": None}


@pytest.fixture(scope="module")
def server() -> Iterator[Listening]:
    with emulator(":memory:", "--zone", "demo.internal") as listening:
        yield listening


QUERY = dns.message.make_query(NAME, "A", id=0x4321).to_wire()

HTTP_GARBAGE = [
    b"\x00\xff\x00\xff\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS hello
    b"POST / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST / HTTP/1.1\r\n" + b"X: " + b"y" * 20000 + b"\r\n\r\n",
    b"POST /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /?a=\xff&\xfe=%zz HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
    b"POST /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: \xff\xfe\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\nConnection: close\r\n\r\n" + b"z" * 70000,
]


@pytest.mark.parametrize("garbage", HTTP_GARBAGE, ids=[repr(entry[:40]) for entry in HTTP_GARBAGE])
def test_http_garbage(server: Listening, garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_connection(server.api, timeout=5) as peer:
        peer.sendall(garbage)
        peer.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    assert answer == b"" or b" 4" in answer.partition(b"\r\n")[0]
    assert all(record.exc_info is None and record.levelname != "ERROR" for record in caplog.records)
    assert client(server.api).describe_zones(m.DescribeZonesRequest()).body.total_items == 1


def test_udp_garbage_stops_nothing(server: Listening) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for garbage in (b"", b"\x00", b"\xff" * 11, b"\xff" * 500, QUERY[:20], bytes(65000)):
            peer.sendto(garbage, server.dns)
    assert exchange_udp(server.dns, QUERY)[:2] == QUERY[:2]


def read_all(server: Address, sent: bytes) -> bytes:
    """Send bytes over TCP and return all that comes until the peer closes."""
    with socket.create_connection(server, timeout=5) as peer:
        peer.sendall(sent)
        peer.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: peer.recv(65536), b""))


def framed(wire: bytes) -> bytes:
    return len(wire).to_bytes(2, "big") + wire


def split_frames(stream: bytes) -> list[bytes]:
    frames = []
    while stream:
        length = int.from_bytes(stream[:2], "big")
        frames.append(stream[2 : 2 + length])
        stream = stream[2 + length :]
    return frames


@pytest.mark.parametrize(
    ("sent", "rcodes"),
    [
        (b"", []),
        (b"\x00", []),
        (b"\x00\x00", []),
        (b"\xff\xff", []),
        (b"\xff\xff" + b"\x01" * 65535, [dns.rcode.FORMERR]),
        (framed(QUERY[:8]), []),
        (framed(QUERY)[:-1], []),
        (framed(QUERY), [dns.rcode.NXDOMAIN]),
        (framed(QUERY) * 3, [dns.rcode.NXDOMAIN] * 3),
        (framed(QUERY[:20]) + framed(QUERY), [dns.rcode.FORMERR, dns.rcode.NXDOMAIN]),
        # After bytes that are no query nothing more is read.
        (framed(QUERY) + framed(b"x") + framed(QUERY), [dns.rcode.NXDOMAIN]),
    ],
)
def test_tcp_streams(server: Listening, sent: bytes, rcodes: list[int]) -> None:
    assert [frame[3] & 0xF for frame in split_frames(read_all(server.dns, sent))] == rcodes


@pytest.mark.parametrize(
    "sent", [b"", b"POST", b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"]
)
def test_an_api_connection_that_never_completes_a_request_is_closed(sent: bytes) -> None:
    async def run() -> None:
        with closing(Store(":memory:")) as store:
            server = ApiServer(store, AccessKey("id", "secret"), idle_seconds=0.01)
            reader, writer = await asyncio.open_connection(*await server.start("127.0.0.1", 0))
            try:
                writer.write(sent)
                async with asyncio.timeout(5):
                    # A reset is an end, too: the other side closed before it had read what was sent.
                    with suppress(ConnectionResetError):
                        await reader.read()
            finally:
                writer.close()
                with suppress(ConnectionResetError):
                    await writer.wait_closed()
                await server.close()

    asyncio.run(run())


def test_closing_ends_open_connections(database: str) -> None:
    async def run() -> None:
        flags = parse_flags(["--database", database, *FLAGS])
        with open_store(flags) as store:
            async with running(flags, store) as listening:
                peers = [await asyncio.open_connection(*address) for address in (listening.dns, listening.api)]
            for reader, writer in peers:
                async with asyncio.timeout(5):
                    assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()

    asyncio.run(run())
