"""The hosts directive: what its table answers, what goes on, and how the file is followed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dns.flags
import dns.rcode
import pytest

from clusterdns.directives.hosts import Hosts, Table, read_table
from clusterdns.wire.names import name_from_text, name_to_text
from tests.support.chain import FOUND, FakeHandler, answer, read, records, request

INLINE = """
10.1.0.1 Web.Example.Org web   # both names
10.1.0.2 web.example.org
fd00::1  web.example.org
10.1.0.3 only4.example.org
fd00::3  only6.example.org
10.1.0.4 *.apps.example.org
fd00::4  *.Apps.example.org
10.1.0.5 db.apps.example.org
"""


def _hosts(
    behind: FakeHandler | None = None,
    *,
    inline: str = INLINE,
    path: Path | None = None,
    zones: Sequence[str] = (".",),
    fallthrough: Sequence[str] | None = None,
    **options: Any,
) -> Hosts:
    values = {"ttl": 3600, "reload_seconds": 5.0, "reverse": True, **options}
    return Hosts(
        [name_from_text(zone) for zone in zones],
        read_table(inline),
        path,
        (behind or FakeHandler()).handle,
        fallthrough=None if fallthrough is None else [name_from_text(zone) for zone in fallthrough],
        **values,
    )


# Name, type, rcode and answer section.
ANSWER_ROWS: dict[str, tuple[str, str, str, list[str]]] = {
    "A": (
        "web.example.org.",
        "A",
        "NOERROR",
        ["web.example.org. 3600 IN A 10.1.0.1", "web.example.org. 3600 IN A 10.1.0.2"],
    ),
    "AAAA": ("web.example.org.", "AAAA", "NOERROR", ["web.example.org. 3600 IN AAAA fd00::1"]),
    "another name of the line": ("web.", "A", "NOERROR", ["web. 3600 IN A 10.1.0.1"]),
    "the client's spelling": ("WEB.", "A", "NOERROR", ["WEB. 3600 IN A 10.1.0.1"]),
    "no IPv6 address": ("only4.example.org.", "AAAA", "NOERROR", []),
    "no IPv4 address": ("only6.example.org.", "A", "NOERROR", []),
    "another type": ("web.example.org.", "MX", "NOERROR", []),
    "ANY is no type of a record": ("web.example.org.", "ANY", "NOERROR", []),
    "PTR, in the table's spelling": (
        "1.0.1.10.in-addr.arpa.",
        "PTR",
        "NOERROR",
        [
            "1.0.1.10.in-addr.arpa. 3600 IN PTR Web.Example.Org.",
            "1.0.1.10.in-addr.arpa. 3600 IN PTR web.",
        ],
    ),
    "PTR, IPv6": (
        f"3.{'0.' * 27}0.0.d.f.ip6.arpa.",
        "PTR",
        "NOERROR",
        [f"3.{'0.' * 27}0.0.d.f.ip6.arpa. 3600 IN PTR only6.example.org."],
    ),
    "PTR in upper case": (
        "3.0.1.10.IN-ADDR.ARPA.",
        "PTR",
        "NOERROR",
        ["3.0.1.10.IN-ADDR.ARPA. 3600 IN PTR only4.example.org."],
    ),
    "an address of a reverse name": ("3.0.1.10.in-addr.arpa.", "A", "NOERROR", []),
    "PTR of a name": ("web.example.org.", "PTR", "NOERROR", []),
    "one label in the place of a wildcard": (
        "Any.Apps.example.org.",
        "A",
        "NOERROR",
        ["Any.Apps.example.org. 3600 IN A 10.1.0.4"],
    ),
    "a wildcard's IPv6": ("any.apps.example.org.", "AAAA", "NOERROR", ["any.apps.example.org. 3600 IN AAAA fd00::4"]),
    "a wildcard's other types": ("any.apps.example.org.", "MX", "NOERROR", []),
    "an entry beside a wildcard": ("db.apps.example.org.", "A", "NOERROR", ["db.apps.example.org. 3600 IN A 10.1.0.5"]),
    "an entry hides all of a wildcard": ("db.apps.example.org.", "AAAA", "NOERROR", []),
    "two labels in the place of a wildcard": ("very.deep.apps.example.org.", "A", "NXDOMAIN", []),
    "the name below which a wildcard is": ("apps.example.org.", "A", "NXDOMAIN", []),
    "a wildcard's address": ("4.0.1.10.in-addr.arpa.", "PTR", "NXDOMAIN", []),
    "unknown name": ("other.example.org.", "A", "NXDOMAIN", []),
    "below a known name": ("x.web.example.org.", "A", "NXDOMAIN", []),
    "above a known name": ("example.org.", "A", "NXDOMAIN", []),
    "unknown address": ("9.0.1.10.in-addr.arpa.", "PTR", "NXDOMAIN", []),
    "the root": (".", "A", "NXDOMAIN", []),
}


@pytest.mark.parametrize(("name", "qtype", "rcode", "section"), ANSWER_ROWS.values(), ids=ANSWER_ROWS)
def test_answers(name: str, qtype: str, rcode: str, section: list[str]) -> None:
    behind = FakeHandler()
    reply = answer(_hosts(behind).handle(request(name, qtype)))
    assert records(reply) == section
    message = read(reply)
    assert dns.rcode.to_text(message.rcode()) == rcode
    assert dns.flags.to_text(message.flags) == "QR AA RD"
    assert (reply.source, reply.cacheable, reply.fresh_until) == ("hosts", False, 0.0)
    assert behind.asked == []


@pytest.mark.parametrize(
    ("zones", "fallthrough", "name", "asked_behind"),
    [
        ((".",), None, "other.example.org.", False),
        ((".",), (".",), "other.example.org.", True),
        ((".",), (".",), "web.example.org.", False),
        ((".",), ("example.org",), "other.EXAMPLE.org.", True),
        ((".",), ("example.org",), "other.example.com.", False),
        ((".",), ("example.org",), "notexample.org.", False),
        ((".",), (), "other.example.org.", False),
        # Names outside its zones are none of its business.
        (("example.org",), None, "www.example.com.", True),
        (("example.org",), None, "web.", True),
        (("example.org",), None, "Web.EXAMPLE.org.", False),
        (("example.org",), None, "1.0.1.10.in-addr.arpa.", True),
        (("example.org", "10.in-addr.arpa"), None, "1.0.1.10.in-addr.arpa.", False),
    ],
)
def test_what_goes_on(
    zones: tuple[str, ...], fallthrough: tuple[str, ...] | None, name: str, asked_behind: bool
) -> None:
    behind = FakeHandler(otherwise=FOUND)
    reply = answer(_hosts(behind, zones=zones, fallthrough=fallthrough).handle(request(name)))
    assert bool(behind.asked) is asked_behind
    assert (reply.source == "fake") is asked_behind


def test_a_name_without_an_address_of_the_type_does_not_fall_through() -> None:
    behind = FakeHandler(otherwise=FOUND)
    reply = answer(_hosts(behind, fallthrough=(".",)).handle(request("only4.example.org.", "AAAA")))
    assert (records(reply), behind.asked) == ([], [])


@pytest.mark.parametrize(
    ("name", "qtype", "fallthrough", "asked_behind"),
    [
        ("web.example.org.", "TXT", ".", True),
        ("web.example.org.", "HTTPS", "example.org", True),
        ("any.apps.example.org.", "TXT", ".", True),
        ("web.example.org.", "TXT", "example.net", False),
        ("web.example.org.", "A", ".", False),
        ("only4.example.org.", "AAAA", ".", False),
        ("web.example.org.", "PTR", ".", False),
    ],
)
def test_questions_for_other_types_may_go_on(name: str, qtype: str, fallthrough: str, asked_behind: bool) -> None:
    behind = FakeHandler(otherwise=FOUND)
    answer(_hosts(behind, fallthrough=[fallthrough], fallthrough_unsupported=True).handle(request(name, qtype)))
    assert bool(behind.asked) is asked_behind


def test_no_reverse() -> None:
    behind = FakeHandler(otherwise=FOUND)
    hosts = _hosts(behind, reverse=False, fallthrough=(".",))
    answer(hosts.handle(request("1.0.1.10.in-addr.arpa.", "PTR")))
    assert behind.asked == ["1.0.1.10.in-addr.arpa."]
    assert records(answer(hosts.handle(request("web.")))) == ["web. 3600 IN A 10.1.0.1"]


def test_ttl() -> None:
    assert records(answer(_hosts(ttl=7).handle(request("web.")))) == ["web. 7 IN A 10.1.0.1"]


def test_inline_and_file_add_up_without_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("10.1.0.1 web.\n10.2.0.2 web.\n10.2.0.2 WEB.\n")
    hosts = _hosts(path=path)
    assert records(answer(hosts.handle(request("web.")))) == ["web. 3600 IN A 10.1.0.1", "web. 3600 IN A 10.2.0.2"]
    names = records(answer(hosts.handle(request("1.0.1.10.in-addr.arpa.", "PTR"))))
    assert [name.rpartition(" ")[2] for name in names] == ["Web.Example.Org.", "web."]


class Followed:
    """A hosts file, and the address that a Hosts directive finds in it for `web.`."""

    def __init__(self, path: Path, reload_seconds: float = 5.0) -> None:
        self.path = path
        self._writes = 0
        self.hosts = _hosts(inline="", path=path, reload_seconds=reload_seconds)

    def write(self, text: str) -> None:
        self.path.write_text(text)
        # Two writes within one tick of the file system's clock may leave the time as it was.
        self._writes += 1
        os.utime(self.path, ns=(0, self._writes * 1_000_000_000))

    def found(self, now: float) -> list[str]:
        return [line.rpartition(" ")[2] for line in records(answer(self.hosts.handle(request("web.", now=now))))]


def test_the_file_is_read_again_when_it_changed_and_the_time_has_come(tmp_path: Path) -> None:
    file = Followed(tmp_path / "hosts")
    file.write("10.0.0.1 web\n")
    assert file.found(now=100.0) == ["10.0.0.1"]
    file.write("10.0.0.2 web\n")
    assert file.found(now=104.9) == ["10.0.0.1"]
    assert file.found(now=105.0) == ["10.0.0.2"]
    file.write("")
    assert file.found(now=110.0) == []


def test_reload_0_reads_once(tmp_path: Path) -> None:
    file = Followed(tmp_path / "hosts", reload_seconds=0)
    file.write("10.0.0.1 web\n")
    assert file.found(now=100.0) == ["10.0.0.1"]
    file.write("10.0.0.2 web\n")
    assert file.found(now=1e9) == ["10.0.0.1"]


def test_a_file_that_goes_away_leaves_its_table_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = Followed(tmp_path / "hosts")
    file.write("10.0.0.1 web\n")
    assert file.found(now=100.0) == ["10.0.0.1"]
    file.path.unlink()
    assert [file.found(now=now) for now in (105.0, 110.0, 115.0)] == [["10.0.0.1"]] * 3
    assert [str(file.path) in record.getMessage() for record in caplog.records] == [True]
    file.write("10.0.0.2 web\n")
    assert file.found(now=120.0) == ["10.0.0.2"]


def test_a_file_that_is_not_there_yet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = Followed(tmp_path / "hosts")
    assert file.found(now=100.0) == []
    assert len(caplog.records) == 1
    file.write("10.0.0.1 web\n")
    assert file.found(now=105.0) == ["10.0.0.1"]


def test_a_directory_is_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Followed(tmp_path).found(now=100.0) == []
    assert len(caplog.records) == 1


# The text, the addresses by name, and how many warnings.
TABLE_ROWS: dict[str, tuple[str, dict[str, list[str]], int]] = {
    "nothing": ("\n   \n# a comment\n", {}, 0),
    "tabs, spaces, a comment behind": ("\t10.0.0.1\t a  b # c\n", {"a.": ["10.0.0.1"], "b.": ["10.0.0.1"]}, 0),
    "an address alone": ("10.0.0.1\n10.0.0.2 # a\n", {}, 0),
    "Windows line ends": ("10.0.0.1 a\r\n10.0.0.2 b\r\n", {"a.": ["10.0.0.1"], "b.": ["10.0.0.2"]}, 0),
    "IPv6 in every spelling": ("FD00:0::1 a\nfd00::1 a\n", {"a.": ["fd00::1"]}, 0),
    "an interface behind the address": ("fe80::1%lo0 localhost\n", {"localhost.": ["fe80::1"]}, 0),
    "no address": ("10.0.0 a\nlocalhost b\n10.0.0.2 c\n", {"c.": ["10.0.0.2"]}, 2),
    "an address that no two programs read alike": ("010.0.0.1 a\n", {}, 1),
    "one name of the line is none": (
        f"10.0.0.1 a b..c {'x' * 64} d\n",
        {"a.": ["10.0.0.1"], "d.": ["10.0.0.1"]},
        2,
    ),
}


@pytest.mark.parametrize(("text", "addresses", "warnings"), TABLE_ROWS.values(), ids=TABLE_ROWS)
def test_read_table(
    caplog: pytest.LogCaptureFixture, text: str, addresses: dict[str, list[str]], warnings: int
) -> None:
    table = read_table(text)
    assert {
        name_to_text(name): [str(address) for address in found] for name, found in table.addresses.items()
    } == addresses
    assert len(caplog.records) == warnings


def test_a_line_can_not_forge_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    read_table("nonsense\x1b[31m a\n10.0.0.1 \x1b[31m..b\n")
    assert len(caplog.records) == 2
    assert all("\x1b" not in record.getMessage() for record in caplog.records)


def test_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(b"10.0.0.1 \xff\xfe web\n")
    assert records(answer(_hosts(inline="", path=path).handle(request("web.")))) == ["web. 3600 IN A 10.0.0.1"]


def test_a_name_in_two_spellings_is_one_name() -> None:
    hosts = _hosts(inline="10.0.0.1 a B A\n10.0.0.1 b\n")
    names = records(answer(hosts.handle(request("1.0.0.10.in-addr.arpa.", "PTR"))))
    assert [name.rpartition(" ")[2] for name in names] == ["a.", "B."]


def test_nothing_in_a_table() -> None:
    assert read_table("") == Table()
