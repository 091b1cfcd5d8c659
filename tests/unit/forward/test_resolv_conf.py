"""The name servers of a resolv.conf, without those that are this node itself."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from clusterdns.errors import ConfigError
from clusterdns.forward.resolv_conf import read_resolv_conf, servers_elsewhere
from clusterdns.forward.upstreams import Upstream


def written(path: Path, *servers: str) -> Path:
    path.write_text("".join(f"nameserver {server}\n" for server in servers))
    return path


@pytest.mark.parametrize(
    ("text", "upstreams"),
    [
        ("nameserver 10.0.0.10\n", ["10.0.0.10:53"]),
        ("# nameserver 1.1.1.1\n; nameserver 1.1.1.2\nnameserver\t10.0.0.10 # ours\n", ["10.0.0.10:53"]),
        ("nameserver 127.0.0.53\noptions edns0\nsearch a.b\n", ["127.0.0.53:53"]),
        ("nameserver 2001:DB8::0:1\nnameserver fe80::1%eth0\n", ["[2001:db8::1]:53", "[fe80::1%eth0]:53"]),
        ("nameservers 1.1.1.1\nnameserver\nnameserver 10.0.0.1\r\n", ["10.0.0.1:53"]),
    ],
)
def test_name_servers_of_a_file(tmp_path: Path, text: str, upstreams: list[str]) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    assert [str(upstream) for upstream in read_resolv_conf(path)] == upstreams


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("search a.b\n", "has no nameserver line"),
        ("", "has no nameserver line"),
        ("nameserver dns.example\n", "nameserver 'dns.example' is no IP address"),
    ],
)
def test_files_without_name_servers(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_resolv_conf(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        read_resolv_conf(tmp_path / "resolv.conf")


OWN = [Upstream("169.254.20.10", 53)]
EVERYWHERE = [Upstream("0.0.0.0", 53), Upstream("::", 53)]


@pytest.mark.parametrize(
    ("servers", "own", "behind_systemd", "found"),
    [
        (["10.0.0.10"], [], [], ["10.0.0.10"]),
        (["127.0.0.1", "10.0.0.10", "::1", "127.8.9.1"], [], [], ["10.0.0.10"]),
        (["169.254.20.10", "10.0.0.10"], OWN, [], ["10.0.0.10"]),
        (["10.0.0.10", "2001:db8::1"], EVERYWHERE, [], ["10.0.0.10", "2001:db8::1"]),
        (["127.0.0.53"], [], ["10.0.0.11", "2001:db8::1"], ["10.0.0.11", "2001:db8::1"]),
        (["127.0.0.53"], OWN, ["169.254.20.10", "10.0.0.11"], ["10.0.0.11"]),
        (["127.0.0.53", "10.0.0.10"], [], ["10.0.0.11"], ["10.0.0.10"]),
    ],
)
def test_servers_elsewhere(
    tmp_path: Path, servers: list[str], own: list[Upstream], behind_systemd: list[str], found: list[str]
) -> None:
    path = written(tmp_path / "resolv.conf", *servers)
    systemd = written(tmp_path / "systemd", *behind_systemd)
    assert [upstream.address for upstream in servers_elsewhere(path, own, systemd)] == found


@pytest.mark.parametrize(
    ("servers", "own", "behind_systemd", "names"),
    [
        (["169.254.20.10"], OWN, ["10.0.0.11"], r"169\.254\.20\.10"),
        (["127.0.0.1", "::1"], [], [], "127.0.0.1, ::1"),
        (["127.0.0.53"], OWN, ["169.254.20.10"], "127.0.0.53"),
    ],
)
def test_nothing_but_ourselves(
    tmp_path: Path, servers: list[str], own: list[Upstream], behind_systemd: list[str], names: str
) -> None:
    path = written(tmp_path / "resolv.conf", *servers)
    systemd = written(tmp_path / "systemd", *behind_systemd)
    with pytest.raises(ConfigError, match=rf"names only this node itself \({names}\).*write an upstream's address"):
        servers_elsewhere(path, own, systemd)


def test_systemds_file_may_be_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "resolv.conf", "127.0.0.53")
    with pytest.raises(ConfigError, match="names only this node itself"):
        servers_elsewhere(path, (), tmp_path / "missing")


def test_a_kernel_without_ipv6_has_no_address_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(family: int, kind: int) -> NoReturn:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr("clusterdns.forward.resolv_conf.socket.socket", refuse)
    path = written(tmp_path / "resolv.conf", "2001:db8::1")
    assert [str(upstream) for upstream in servers_elsewhere(path, EVERYWHERE)] == ["[2001:db8::1]:53"]
