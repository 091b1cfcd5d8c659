"""When a secondary is told that its zone has changed, and what of its answers ends that."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.opcode
import pytest

from clusterdns.forward.notice import Notice, Step
from clusterdns.wire.names import name_from_text

ZONE = name_from_text("cluster.local")


def sent(serials: dict[int, int], seconds: int, acknowledged: tuple[int, ...] = ()) -> list[tuple[int, str]]:
    """What is done when, a step a second; `serials` by when they come up, `acknowledged` after which steps."""
    notice = Notice(ZONE)
    serial, done = 0, []
    for now in range(seconds):
        serial = serials.get(now, serial)
        step = notice.step(serial, float(now))
        if step is not Step.NOTHING:
            done.append((now, step.name))
        if now in acknowledged:
            assert notice.answered(ack(notice)) == 0
    return done


def ack(notice: Notice, message_id: bytes = b"\x12\x34") -> bytes:
    message = bytearray(message_id + notice.body)
    message[2] |= 0x80
    return bytes(message)


ALWAYS = tuple(range(60))
# (serials by the second in which they come up, seconds, acknowledged at once or never, what is done)
ROWS: list[tuple[str, dict[int, int], int, tuple[int, ...], list[tuple[int, str]]]] = [
    ("at the start", {0: 9}, 60, ALWAYS, [(1, "SEND")]),
    ("a start that has not settled", {0: 7, 1: 8, 2: 9}, 60, ALWAYS, [(3, "SEND")]),
    ("a change", {0: 9, 20: 20}, 60, ALWAYS, [(1, "SEND"), (21, "SEND")]),
    ("its serial settles", {0: 9, 20: 18, 21: 19, 22: 20}, 60, ALWAYS, [(1, "SEND"), (23, "SEND")]),
    ("a change soon after another", {0: 9, 20: 20, 22: 22}, 60, ALWAYS, [(1, "SEND"), (21, "SEND"), (26, "SEND")]),
    ("changes all the time", {now: now for now in range(30)}, 40, ALWAYS,
     [(5, "SEND"), (11, "SEND"), (17, "SEND"), (23, "SEND"), (29, "SEND")]),
    ("nobody answers", {0: 9}, 90, (),
     [(1, "SEND"), (3, "SEND"), (7, "SEND"), (15, "SEND"), (31, "SEND"), (63, "GIVE_UP")]),
    ("an answer to the third", {0: 9}, 90, (8,), [(1, "SEND"), (3, "SEND"), (7, "SEND")]),
    ("a change while nobody answers", {0: 9, 20: 20}, 40, (),
     [(1, "SEND"), (3, "SEND"), (7, "SEND"), (15, "SEND"), (21, "SEND"), (23, "SEND"), (27, "SEND"), (35, "SEND")]),
    ("a change after nobody answered", {0: 9, 70: 70}, 72, (), [
        (1, "SEND"), (3, "SEND"), (7, "SEND"), (15, "SEND"), (31, "SEND"), (63, "GIVE_UP"), (71, "SEND")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("serials", "seconds", "acknowledged", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_when(
    serials: dict[int, int], seconds: int, acknowledged: tuple[int, ...], expected: list[tuple[int, str]]
) -> None:
    assert sent(serials, seconds, acknowledged) == expected


def test_the_message() -> None:
    message = dns.message.from_wire(b"\x12\x34" + Notice(ZONE).body)
    assert message.opcode() == dns.opcode.NOTIFY
    assert dns.flags.to_text(message.flags) == "AA"
    assert [rrset.to_text() for rrset in message.question] == ["cluster.local. IN SOA"]
    assert (message.answer, message.authority, message.additional) == ([], [], [])


def changed(message: bytes, place: int, value: int) -> bytes:
    return message[:place] + bytes((value,)) + message[place + 1 :]


GOOD = ack(Notice(ZONE))
ANSWERS: list[tuple[str, bytes, int | None]] = [
    ("acknowledged", GOOD, 0),
    ("in other letters", GOOD.replace(b"cluster", b"Cluster"), 0),
    ("NOTAUTH", changed(GOOD, 3, 9), 9),
    ("NOTIMP without the question", GOOD[:2] + b"\xa0\x04" + bytes(8), 4),
    ("our own message", changed(GOOD, 2, GOOD[2] & 0x7F), None),
    ("an answer to a query", changed(GOOD, 2, 0x84), None),
    ("of another zone", GOOD.replace(b"local", b"lofal"), None),
    ("of another type", changed(GOOD, len(GOOD) - 3, 1), None),
]


@pytest.mark.parametrize(("message", "expected"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_answers(message: bytes, expected: int | None) -> None:
    notice = Notice(ZONE)
    steps = [notice.step(9, float(now)) for now in (0, 1)]
    assert steps == [Step.NOTHING, Step.SEND]
    assert notice.answered(message) == expected
    # What is no answer ends nothing.
    assert notice.step(9, 10.0) is (Step.NOTHING if expected is not None else Step.SEND)


def test_answers_cut_anywhere_are_none() -> None:
    notice = Notice(ZONE)
    for end in range(len(GOOD)):
        assert notice.answered(GOOD[:end]) is None
