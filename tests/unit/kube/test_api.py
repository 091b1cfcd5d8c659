"""Requests to an API server: what each answer, and each lack of one, becomes."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clusterdns.errors import ConfigError, KubeApiError
from clusterdns.kube import api
from clusterdns.kube.access import Access
from clusterdns.kube.api import ApiServer
from clusterdns.limit import Limit
from tests.support import recording, virtual_time
from tests.support.apiserver import ApiServerDouble


def ask(folder: Path, answer: list[bytes], question: Callable[[ApiServer], Coroutine[Any, Any, Any]]) -> Any:
    """Put `question` to a server that sends the pieces of `answer` to whoever asks, then closes the connection; if
    there are none it never answers.
    """

    async def main() -> Any:
        connections: list[asyncio.Task[None]] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            for piece in answer:
                writer.write(piece)
                await writer.drain()
                # Virtual time: this ends when the client has read what there is, so pieces arrive apart.
                await asyncio.sleep(0.001)
            if not answer:
                await asyncio.sleep(3600)
            writer.close()
            await writer.wait_closed()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(asyncio.create_task(talk(reader, writer)))

        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        double = ApiServerDouble()
        double._port = listener.sockets[0].getsockname()[1]
        server = ApiServer(Access(double.kubeconfig(folder)))
        try:
            return await question(server)
        finally:
            await server.close()
            listener.close()
            await asyncio.gather(*connections, return_exceptions=True)
            await listener.wait_closed()

    return virtual_time.run(main())


def get(server: ApiServer) -> Coroutine[Any, Any, bytes]:
    return server.get("/api/v1/services", {"limit": "2"})


async def read_lines(server: ApiServer) -> list[bytes]:
    found: list[bytes] = []
    try:
        async for lines in server.lines("/api/v1/services", {"watch": "true"}, 150):
            found += lines
    except KubeApiError as error:
        found.append(f"{error.status} {error.reason}".encode())
    return found


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_body_comes_as_it_is(tmp_path: Path) -> None:
    body = recording.body(4)
    assert ask(tmp_path, [http("200 OK", body)], get) == body


REFUSALS: list[tuple[list[bytes], int, str, str]] = [
    ([http("400 Bad Request", recording.body(7))], 400, "BadRequest", "invalid continue token"),
    ([http("401 Unauthorized", recording.body(17))], 401, "Unauthorized", "Unauthorized"),
    ([http("403 Forbidden", recording.body(18))], 403, "Forbidden", 'User "system:anonymous" cannot list'),
    ([http("404 Not Found", recording.body(26))], 404, "Not Found", "404 page not found"),
    ([http("502 Bad Gateway", b"<html>" + b"x" * 1000)], 502, "Bad Gateway", "<html>xxx"),
    ([http("503 Service Unavailable", b"\xff\xfe")], 503, "Service Unavailable", "\ufffd\ufffd"),
    ([http("500 Internal Server Error", b'{"kind":"Status"}')], 500, "Internal Server Error", '{"kind":"Status"}'),
    ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"], 0, "NoAnswer", "broke in the middle"),
    ([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n12345"], 0, "NoAnswer", "broke in the middle"),
    ([b"SSH-2.0-OpenSSH\r\n"], 0, "NoAnswer", ""),
    ([b""], 0, "NoAnswer", "Server disconnected"),
    ([], 0, "Timeout", ""),
]


@pytest.mark.parametrize(("answer", "status", "reason", "message"), REFUSALS)
def test_refusals(tmp_path: Path, answer: list[bytes], status: int, reason: str, message: str) -> None:
    with pytest.raises(KubeApiError) as raised:
        ask(tmp_path, answer, get)
    assert (raised.value.status, raised.value.reason) == (status, reason)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 400


def test_connection_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with ApiServerDouble() as double:
            server = ApiServer(Access(double.kubeconfig(tmp_path)))
        try:
            with pytest.raises(KubeApiError, match="0 NoAnswer: Cannot connect to host"):
                await get(server)
        finally:
            await server.close()

    virtual_time.run(main())


STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = b'{"a":1}\n\n{"b":"\xc3\xa9"}\n'


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("cut", range(1, len(LINES)))
def test_lines_however_they_are_cut(tmp_path: Path, cut: int) -> None:
    answer = [STREAM, chunk(LINES[:cut]), chunk(LINES[cut:]), b"0\r\n\r\n"]
    assert ask(tmp_path, answer, read_lines) == [b'{"a":1}', '{"b":"é"}'.encode()]


ENDS: list[tuple[str, list[bytes], list[bytes]]] = [
    ("in order", [STREAM, chunk(b"a\n"), b"0\r\n\r\n"], [b"a"]),
    ("in order, but in the middle of a line", [STREAM, chunk(b"a\nhal"), b"0\r\n\r\n"], [b"a"]),
    ("broken off", [STREAM, chunk(b"a\nhal")], [b"a", b"0 NoAnswer"]),
    ("refused", [http("403 Forbidden", recording.body(18))], [b"403 Forbidden"]),
    ("never answered", [], [b"0 Timeout"]),
    ("a line without end", [STREAM, chunk(b"a\n"), chunk(b"b" * 1001)], [b"a", b"200 Malformed"]),
]


@pytest.mark.parametrize(("answer", "expected"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_ends_of_a_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: list[bytes], expected: list[bytes]
) -> None:
    monkeypatch.setattr(api, "KUBE_WATCH_LINE_BYTES", Limit("one watch event", 1000, 1, 1000, "bytes", "this test"))
    assert ask(tmp_path, answer, read_lines) == expected


# In a cluster: TLS with the cluster's own authority, and a token that is replaced in its file.


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that is its own authority: `ca.crt` in `folder`, and the server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "double")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / "ca.crt").write_bytes(made.public_bytes(encoding))
    (folder / "key").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "key")
    return context


def test_in_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("first-token")
    loader = "kubernetes.aio.config.incluster_config"
    monkeypatch.setattr(f"{loader}.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(f"{loader}.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))

    async def main() -> None:
        async with ApiServerDouble(certificate(tmp_path)) as double:
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(double.port))
            server = ApiServer()
            try:
                assert b'"ServiceList"' in await get(server)
                token.write_text("second-token")
                double.token = "second-token"
                with pytest.raises(KubeApiError, match="401 Unauthorized"):
                    await get(server)
                assert b'"ServiceList"' in await get(server)
            finally:
                await server.close()

    virtual_time.run(main())


def test_another_authority_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("first-token")
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    certificate(tmp_path / "ours")
    loader = "kubernetes.aio.config.incluster_config"
    monkeypatch.setattr(f"{loader}.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(f"{loader}.SERVICE_CERT_FILENAME", str(tmp_path / "ours" / "ca.crt"))

    async def main() -> None:
        async with ApiServerDouble(certificate(tmp_path / "theirs")) as double:
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(double.port))
            server = ApiServer()
            try:
                with pytest.raises(KubeApiError, match="certificate verify failed"):
                    await get(server)
                assert double.requests == []
            finally:
                await server.close()

    virtual_time.run(main())


def test_an_endpoint_with_a_client_certificate(tmp_path: Path) -> None:
    context = certificate(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "ca.crt")
    authority = str(tmp_path / "ca.crt")

    async def main() -> None:
        async with ApiServerDouble(context) as double:
            double.token = ""
            endpoint = f"https://127.0.0.1:{double.port}"
            ours = ApiServer(
                Access(endpoint=f"{endpoint}/", certificate=authority, key=str(tmp_path / "key"), authority=authority)
            )
            nobody = ApiServer(Access(endpoint=endpoint, authority=authority))
            try:
                assert b'"ServiceList"' in await get(ours)
                with pytest.raises(KubeApiError, match="0 NoAnswer"):
                    await get(nobody)
                assert len(double.requests) == 1
            finally:
                await ours.close()
                await nobody.close()

    virtual_time.run(main())


BAD_FILES = [
    (
        Access(endpoint="https://a", certificate="/gone", key="/gone", authority="/gone"),
        "/gone: no such certificate file",
    ),
    (Access(endpoint="https://a", authority=__file__), "https://a: not usable for TLS"),
]


@pytest.mark.parametrize(("access", "message"), BAD_FILES)
def test_files_that_are_of_no_use(access: Access, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        asyncio.run(ApiServer(access).connect())
