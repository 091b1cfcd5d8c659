"""Whatever is put and asked in whatever order: nobody gets an answer of another view, nor one whose time is over."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from clusterdns.cache.message_cache import MessageCache, question_of
from clusterdns.cache.packet_cache import PacketCache
from clusterdns.wire.response import read_response
from tests.support import messages
from tests.support.chain import FOUND, NXDOMAIN, request, response_to

CLIENTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::4", "192.0.2.5")
VIEWS = {
    "10.0.0.1": (b"10.0.0.1", b"shop"),
    "10.0.0.2": (b"10.0.0.2", b"shop"),
    "10.0.0.3": (b"10.0.0.3", b"blog"),
    "fd00::4": (b"blog",),
    "192.0.2.5": (),
}
NAMES = tuple(f"n{number}.example." for number in range(3))


@dataclass(frozen=True)
class Step:
    """One call: a put for `view` (an index into the client's views, None for everyone) or a get."""

    put: bool
    client: str
    name: str
    view: int | None
    seconds: int
    passes: float
    negative: bool


STEPS = st.lists(
    st.builds(
        Step,
        put=st.booleans(),
        client=st.sampled_from(CLIENTS),
        name=st.sampled_from(NAMES),
        view=st.one_of(st.none(), st.integers(0, 1)),
        seconds=st.integers(1, 40),
        passes=st.sampled_from((0.0, 0.3, 1.0, 7.0)),
        negative=st.booleans(),
    ),
    max_size=60,
)


def _view_of(step: Step) -> bytes | None:
    views = VIEWS[step.client]
    return views[step.view] if step.view is not None and step.view < len(views) else None


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, capacity=st.integers(0, 6))
def test_packet_cache(steps: list[Step], capacity: int) -> None:
    cache = PacketCache(capacity, VIEWS.__getitem__)
    now = 12.3
    made: dict[bytes, tuple[bytes | None, float, int]] = {}
    """What each answer (told apart by its address) was made for: its view, its end and its TTL."""
    for number, step in enumerate(steps):
        now += step.passes
        query = messages.query(step.name)
        if step.put:
            address = f"10.1.{number >> 8}.{number & 255}"
            answer = messages.response(query, answer=(f"{step.name} {step.seconds} IN A {address}",))
            offsets = read_response(answer).ttl_offsets
            cache.put(query[2:], step.client, _view_of(step), answer, offsets, expires=now + step.seconds, now=now)
            made[answer[-4:]] = (_view_of(step), now + step.seconds, step.seconds)
        else:
            body = cache.get(query[2:], step.client, now)
            entry = cache.find(query[2:])
            if entry is not None and now < entry.renew_at:
                assert body == entry.body
            bodies = [body]
            if entry is cache.viewed and VIEWS[step.client]:
                # What is for the view that it shares with others, for whoever asks without its address as text.
                shared = cache.find((query[2:], VIEWS[step.client][-1]))
                bodies.append(shared.body if shared is not None and now < shared.renew_at else None)
            for body in filter(None, bodies):
                view, expires, seconds = made[body[-4:]]
                assert view is None or view in VIEWS[step.client]
                assert now < expires
                assert 1 <= read_response(b"\0\0" + body).ttl <= seconds
                assert body[10:].startswith(query[12:])
        assert len(cache) <= capacity


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, capacity=st.integers(1, 6))
def test_message_cache(steps: list[Step], capacity: int) -> None:
    cache = MessageCache(success_capacity=capacity, denial_capacity=capacity, views_of=VIEWS.__getitem__)
    now = 12.3
    made: dict[tuple[bytes, float], set[bytes | None]] = {}
    """The views for which an answer with these bytes (but for its TTLs) and this end was put."""
    for step in steps:
        now += step.passes
        asked = request(step.name)
        question = question_of(asked.query)
        if step.put:
            says = NXDOMAIN if step.negative else FOUND
            kept = cache.put(question, step.client, _view_of(step), response_to(asked, says), now)
            assert kept is not None
            assert _view_of(step) in (kept.view, None)
            made.setdefault((kept.response.message[:6] + question[0], kept.expires), set()).add(kept.view)
        else:
            found = cache.get(question, step.client, now)
            if found is not None:
                views = made[found.response.message[:6] + question[0], found.expires]
                assert found.view in views
                assert found.view is None or found.view in VIEWS[step.client]
                assert now < found.expires
                assert 1 <= found.response.ttl <= 60
        assert cache.success_entries <= capacity
        assert cache.denial_entries <= capacity
