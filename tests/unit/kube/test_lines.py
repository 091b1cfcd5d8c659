"""Lines out of pieces, wherever the pieces are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.errors import KubeApiError
from clusterdns.kube.lines import LineSplitter

TEXT = b'{"a":1}\n\n{"b":"\xc3\xa9"}\n\r\n{"c"'
LINES = [b'{"a":1}', b'{"b":"\xc3\xa9"}', b"\r"]


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_cut_anywhere(cut: int) -> None:
    splitter = LineSplitter(100)
    assert splitter.feed(TEXT[:cut]) + splitter.feed(TEXT[cut:]) == LINES
    assert splitter.feed(b":2}\n") == [b'{"c":2}']


@given(st.lists(st.binary(max_size=20) | st.just(b"\n"), max_size=20))
def test_any_pieces(pieces: list[bytes]) -> None:
    splitter = LineSplitter(1000)
    found = [line for piece in pieces for line in splitter.feed(piece)]
    *whole, _rest = b"".join(pieces).split(b"\n")
    assert found == [line for line in whole if line]


LONG: list[tuple[list[bytes], bool]] = [
    ([b"x" * 10], False),
    ([b"x" * 10, b"\n"], False),
    ([b"x" * 11], True),
    ([b"x" * 6, b"x" * 5], True),
    ([b"x" * 6, b"\n" + b"x" * 5], False),
    ([b"x" * 6, b"\n" + b"x" * 5, b"x" * 6], True),
]


@pytest.mark.parametrize(("pieces", "refused"), LONG)
def test_lines_without_an_end(pieces: list[bytes], refused: bool) -> None:
    splitter = LineSplitter(10)
    if refused:
        for piece in pieces[:-1]:
            splitter.feed(piece)
        with pytest.raises(KubeApiError, match="a watch event of more than 10 bytes"):
            splitter.feed(pieces[-1])
    else:
        for piece in pieces:
            splitter.feed(piece)
