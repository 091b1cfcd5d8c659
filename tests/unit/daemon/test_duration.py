"""Go's duration grammar, row by row."""

from __future__ import annotations

import pytest

from clusterdns import duration
from clusterdns.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("5s", 5),
        ("1m30s", 90),
        ("1h", 3600),
        ("200ms", 0.2),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("250us", 0.00025),
        ("250\u00b5s", 0.00025),
        ("250\u03bcs", 0.00025),
        ("1500000000ns", 1.5),
        ("1s1s", 2),
        ("2562047h", 2562047 * 3600),
    ],
)
def test_reads_what_go_reads(text: str, seconds: float) -> None:
    assert duration.seconds(text) == pytest.approx(seconds)
    assert duration.seconds(text, bare=True) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "s", ".", ".s", "5", "1.5", "5 s", " 5s", "5s ", "5S", "5d", "-5s", "+5s", "1e3s", "5s3", "\u0665s", "x"],
)
def test_refuses_what_go_refuses_and_signs(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a duration"):
        duration.seconds(text)


@pytest.mark.parametrize("text", ["2562048h", "9" * 400 + "s", "9" * 30 + "h1s"])
def test_refuses_what_overflows_in_go(text: str) -> None:
    with pytest.raises(ConfigError, match="longer than 292 years"):
        duration.seconds(text)


@pytest.mark.parametrize(("text", "seconds"), [("60", 60), ("0.5", 0.5), ("60s", 60)])
def test_bare_numbers_are_seconds_where_asked_for(text: str, seconds: float) -> None:
    assert duration.seconds(text, bare=True) == seconds


@pytest.mark.parametrize("text", ["", "-60", "nan", "inf", "1e3", "1_0", "\u0666"])
def test_bare_garbage(text: str) -> None:
    with pytest.raises(ConfigError):
        duration.seconds(text, bare=True)
