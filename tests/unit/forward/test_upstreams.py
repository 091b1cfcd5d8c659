"""Who is asked, in which order, and the name servers of a resolv.conf."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Ranking, Upstream, choose_first, choose_in_turn, read_resolv_conf


def order(ranking: Ranking, now: float = 0.0) -> list[int]:
    return [upstream for upstream, _ in ranking.tries("tcp", now)]


def test_every_upstream_twice_from_the_chosen_one_on() -> None:
    ranking = Ranking(3, lambda count: count - 1)
    assert order(ranking) == [2, 0, 1, 2, 0, 1]
    assert {transport for _, transport in ranking.tries("udp", 0.0)} == {"udp"}
    assert {transport for _, transport in ranking.tries("tcp", 0.0)} == {"tcp"}


def test_one_upstream_needs_no_choice() -> None:
    def never(count: int) -> int:
        raise AssertionError(count)

    assert order(Ranking(1, never)) == [0, 0]


def test_policies() -> None:
    turn = choose_in_turn()
    assert [turn(3) for _ in range(5)] == [0, 1, 2, 0, 1]
    assert [choose_first(3) for _ in range(3)] == [0, 0, 0]


def test_who_failed_comes_last_for_a_while() -> None:
    ranking = Ranking(3, choose_first, avoid_seconds=2)
    ranking.failed(0, 10.0)
    assert order(ranking, 10.0) == [1, 2, 0, 1, 2, 0]
    ranking.failed(1, 11.0)
    assert order(ranking, 11.5) == [2, 0, 1, 2, 0, 1]
    assert order(ranking, 12.5) == [0, 2, 1, 0, 2, 1]
    assert order(ranking, 13.5) == [0, 1, 2, 0, 1, 2]


def test_an_answer_brings_it_back() -> None:
    ranking = Ranking(2, choose_first, avoid_seconds=2)
    ranking.failed(0, 10.0)
    ranking.answered(0)
    assert order(ranking, 10.0) == [0, 1, 0, 1]


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


def test_an_upstream_as_text() -> None:
    assert str(Upstream("10.0.0.1", 5353)) == "10.0.0.1:5353"
    assert str(Upstream("2001:db8::1", 53)) == "[2001:db8::1]:53"
