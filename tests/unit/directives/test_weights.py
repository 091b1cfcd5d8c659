"""loadbalance weighted: the weight file, how it is followed, and which address comes first how often."""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from clusterdns.directives.loadbalance import LoadBalance
from clusterdns.directives.weights import WeightFile, read_weights
from clusterdns.wire.names import name_from_text
from tests.support.chain import NODATA, FakeHandler, Says, answer, records, request

WWW = name_from_text("www.example.")
TEXT = """
# weights
WWW.Example      # of this name
10.0.0.1 3

10.0.0.3 2
fd00::1 5
other.example.
10.0.0.1 255
"""
THREE = Says(answer=tuple(f"@ 60 IN A 10.0.0.{number}" for number in (1, 2, 3)))


def test_reading() -> None:
    assert read_weights(TEXT) == {
        WWW: {b"\x0a\0\0\1": 3, b"\x0a\0\0\3": 2, b"\xfd" + bytes(14) + b"\1": 5},
        name_from_text("other.example."): {b"\x0a\0\0\1": 255},
    }
    assert read_weights("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.1 3", "line 1: write a name, or behind one"),
        ("a\n10.0.0.1 3 4", "line 2: write a name, or behind one"),
        ("a\n\n10.0.0 3", "line 3: '10.0.0' does not appear to be"),
        ("a\n10.0.0.1 0", "line 2: a weight is between 1 and 255, not 0"),
        ("a\n10.0.0.1 256", "line 2: a weight is between 1 and 255, not 256"),
        ("a\n10.0.0.1 -1", 'line 2: "-1" is no weight'),
        ("a\n10.0.0.1 \u0661", "is no weight"),
        (f"a\n10.0.0.1 {'9' * 5000}", "line 2: a weight is between 1 and 255"),
        ("a..b", "line 1: 'a..b' has a label of 0 bytes"),
    ],
)
def test_no_weights(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_weights(text)


def _first(path: Path, says: Says = THREE, *, limit: int = 0) -> Counter[str]:
    """Which address comes first, how often, in 600 answers; all records of each are there unless `limit` says."""
    behind = FakeHandler(otherwise=says)
    balance = LoadBalance([], behind.handle, random.Random(1), WeightFile(path, 30.0), limit)
    found: Counter[str] = Counter()
    for _ in range(600):
        reply = answer(balance.handle(request("www.example.")))
        section = records(reply)
        assert len(section) == (limit or len(says.answer))
        assert reply.fresh_until == 0
        assert not reply.rotates
        found[section[0].split()[-1]] += 1
    return found


def test_each_comes_first_as_often_as_its_weight_says(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_text(TEXT)
    found = _first(path)
    # 3 : 1 : 2
    assert (260 < found["10.0.0.1"] < 340, 70 < found["10.0.0.2"] < 130, 160 < found["10.0.0.3"] < 240) == (True,) * 3
    assert sum(_first(path, limit=1).values()) == 600


def test_others_stay_where_they_are_and_cnames_come_first(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_text("web.example.\n10.0.0.3 255\n")
    addresses = [f"web.example. 60 IN A 10.0.0.{number}" for number in range(1, 5)]
    says = Says(answer=(*addresses, "@ 60 IN CNAME web.example."))
    balance = LoadBalance([], FakeHandler(otherwise=says).handle, random.Random(1), WeightFile(path, 0.0))
    section = [record.split()[-1] for record in records(answer(balance.handle(request("www.example."))))]
    assert section == ["web.example.", "10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.4"]


def test_without_a_file_all_are_alike(tmp_path: Path) -> None:
    assert all(150 < count < 250 for count in _first(tmp_path / "nothing").values())


def test_no_addresses(tmp_path: Path) -> None:
    balance = LoadBalance([], FakeHandler(otherwise=NODATA).handle, random.Random(1), WeightFile(tmp_path / "no", 0.0))
    assert records(answer(balance.handle(request("www.example.")))) == []


def test_the_file_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "weights"
    weights = WeightFile(path, 30.0)
    address = b"\x0a\0\0\1"
    seen = []
    steps: list[tuple[float, str | None]] = [
        (0, "www.example\n10.0.0.1 7\n"),
        (29, "www.example\n10.0.0.1 9\n"),  # not looked at yet
        (30, None),
        (60, "www.example\n10.0.0.1 0\n"),  # wrong
        (90, "www.example\n10.0.0.1 8\n"),
        (120, None),
        (150, None),
    ]
    for now, text in steps:
        if text is not None:
            path.write_text(text)
            os.utime(path, (now, now))
        elif now > 100 and path.exists():
            path.unlink()
        weights.look(now)
        seen.append(weights.of(WWW, address))
    assert seen == [7, 7, 9, 9, 8, 8, 8]
    assert [
        record.getMessage().partition(" ")[2] for record in caplog.records if record.levelno == logging.WARNING
    ] == [
        f"{path} is wrong, its last weights stay: line 2: a weight is between 1 and 255, not 0",
        f"{path} can't be read, its last content stays: No such file or directory",
    ]


def test_a_file_that_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_text("www.example\n10.0.0.1 7\n")
    weights = WeightFile(path, 0.0)
    weights.look(0)
    path.write_text("www.example\n10.0.0.1 70\n")
    weights.look(1e9)
    assert weights.of(WWW, b"\x0a\0\0\1") == 7


def test_limit_answers_without_weights() -> None:
    balance = LoadBalance([], FakeHandler(otherwise=THREE).handle, random.Random(1), None, 2)
    found = {tuple(records(answer(balance.handle(request("www.example."))))) for _ in range(200)}
    assert len(found) == 6
    assert {len(section) for section in found} == {2}
