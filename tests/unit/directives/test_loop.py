"""Loops: questions that come back, and what is concluded from them."""

from __future__ import annotations

import itertools

import pytest

from clusterdns.directives.loop import HINFO, Loop, LoopCheck, Outcome, Sightings, probe_name
from clusterdns.forward.upstreams import Upstream
from clusterdns.wire.names import name_from_text, name_to_text
from tests.support.chain import FOUND, FakeHandler, answer, read, request

A, B = Upstream("192.0.2.1", 53), Upstream("fd00::1", 53)
CAME_BACK, ANSWERED, SILENT = Outcome.CAME_BACK, Outcome.ANSWERED, Outcome.SILENT


@pytest.mark.parametrize("zone", [".", "cluster.local."])
def test_a_question_s_name_is_two_random_numbers_in_the_zone(zone: str) -> None:
    name = probe_name(name_from_text(zone), itertools.count(2**64 - 1, -1).__next__)
    assert name_to_text(name) == f"18446744073709551615.18446744073709551614.{zone if zone != '.' else ''}"


def test_only_our_own_question_is_seen_and_goes_no_further() -> None:
    behind = FakeHandler(otherwise=FOUND)
    sightings = Sightings()
    loop = Loop(sightings, behind.handle)
    ours, other = name_from_text("1.2.example."), name_from_text("3.4.example.")
    sightings.expect(ours)
    sightings.expect(other)
    # The name with another type, and the type with another name, are somebody else's.
    answer(loop.handle(request("1.2.example.", "A")))
    answer(loop.handle(request("5.6.example.", "HINFO")))
    assert behind.asked == ["1.2.example.", "5.6.example."]
    reply = answer(loop.handle(request("1.2.EXAMPLE.", "HINFO")))
    assert (read(reply).rcode(), reply.source, reply.cacheable) == (5, "loop", False)
    assert len(behind.asked) == 2
    assert (sightings.forget(ours), sightings.forget(other)) == (True, False)
    # What is over is no concern of ours any more.
    answer(loop.handle(request("1.2.example.", "HINFO")))
    assert len(behind.asked) == 3


def test_the_type_of_the_question() -> None:
    assert request("x.", "HINFO").query.qtype == HINFO


# What happened to the questions to an upstream: (second, outcome); when it loops (from, to); when it is asked again.
HISTORIES = {
    "well": ([(0, ANSWERED)], [], None),
    "loops for ever": ([(0, CAME_BACK), (30, CAME_BACK), (60, CAME_BACK)], [(0, 90)], 90),
    "loops, then no longer": ([(0, CAME_BACK), (30, ANSWERED)], [(0, 30)], None),
    "silence says nothing about one that looped": ([(0, CAME_BACK), (30, SILENT), (60, SILENT)], [(0, 90)], 90),
    "silent at first": ([(0, SILENT), (2, SILENT), (4, ANSWERED)], [], None),
    "silent at first, and loops": ([(0, SILENT), (2, CAME_BACK)], [(2, 32)], 32),
    "silent for long": ([(second, SILENT) for second in range(0, 31, 2)], [], None),
}


@pytest.mark.parametrize(("outcomes", "looping", "asked_again"), HISTORIES.values(), ids=HISTORIES)
def test_what_is_concluded(
    outcomes: list[tuple[int, Outcome]], looping: list[tuple[int, int]], asked_again: int | None
) -> None:
    check = LoopCheck()
    happened = dict(outcomes)
    changes = 0
    for second in range(90):
        check.follow((A, B), second)
        if B in check.due(second):
            check.note(B, ANSWERED, second)
        if second in happened:
            assert check.due(second) == [A], second
            changes += check.note(A, happened[second], second)
        else:
            assert check.due(second) == ([A] if asked_again == second else []), second
            if asked_again == second:
                break
        assert check.looping == ((A,) if any(start <= second < end for start, end in looping) else ())
    assert changes == sum(1 + (end not in (32, 90)) for _, end in looping)
    assert check.due(1e9) == ([] if asked_again is None else [A])


def test_who_is_no_upstream_any_more_is_forgotten_and_new_when_it_returns() -> None:
    check = LoopCheck()
    check.follow((A, B), 0)
    check.note(A, CAME_BACK, 0)
    check.follow((B,), 1)
    assert check.looping == ()
    assert not check.note(A, CAME_BACK, 1)
    check.follow((B, A), 2)
    assert (check.looping, check.due(2)) == ((), [B, A])
