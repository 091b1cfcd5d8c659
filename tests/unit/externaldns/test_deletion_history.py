"""The guard's window as a text."""

from __future__ import annotations

import pytest

from externaldns.deletion_history import History, decode, encode

NOW = 1_767_225_630.0


@pytest.mark.parametrize(
    ("history", "text"),
    [
        ({}, "{}"),
        ({"ex.com": [(30.0, 2)]}, '{"ex.com":[[1767225600,2]]}'),
        ({"ex.com": [(1.0, 2), (29.0, 1), (95.0, 4)]}, '{"ex.com":[[1767225540,4],[1767225660,3]]}'),
        ({"ex.com": [(0.0, 1)], "a.net": [(30.0, 1)]}, '{"a.net":[[1767225600,1]],"ex.com":[[1767225660,1]]}'),
    ],
)
def test_minutes_are_counted_together(history: History, text: str) -> None:
    assert encode(history, NOW) == text


@pytest.mark.parametrize(
    ("text", "history"),
    [
        ('{"ex.com":[[1767225600,2]]}', {"ex.com": [(30.0, 2)]}),
        ('{"ex.com":[[1767229999,2]]}', {"ex.com": [(0.0, 2)]}),
        ("", {}),
        ("[]", {}),
        ("{", {}),
        ('{"ex.com":7}', {}),
        ('{"ex.com":[[null,1]]}', {}),
        ('{"ex.com":[[1,1e999]]}', {}),
    ],
)
def test_what_a_text_says(text: str, history: History) -> None:
    assert decode(text, NOW) == history


def test_nothing_is_forgotten_on_the_way() -> None:
    history = {"ex.com": [(float(ago), 1) for ago in range(0, 600, 7)]}
    read = decode(encode(history, NOW), NOW)["ex.com"]
    assert sum(count for _, count in read) == 86
    assert all(ago < 600 for ago, _ in read)
