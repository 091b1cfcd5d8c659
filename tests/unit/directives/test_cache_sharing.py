"""Questions that are alike share one flight, and each client waits by its own clock."""

from __future__ import annotations

import gc
import logging

import pytest

from clusterdns.limits import FORWARD_SECONDS
from tests.support.chain import FOUND, Says, records
from tests.unit.directives.caching import DEAD, WEB, Scene

BUDGET = FORWARD_SECONDS.default


def test_a_hundred_clients_are_one_question() -> None:
    scene = Scene(answers={WEB: FOUND})
    asked = [scene.ask(client=f"10.0.0.{last}", transport="tcp" if last % 2 else "udp") for last in range(100)]
    assert not any(each.done for each in asked)
    scene.pass_time(0.01)
    assert [records(each.reply) for each in asked] == [[f"{WEB} 60 IN A 10.0.0.1"]] * 100
    assert len(scene.upstream.asked) == 1
    assert {each.reply.fresh_until for each in asked} == {0.0}
    assert (scene.messages.counters.misses, scene.clock.pending) == (100, 0)


@pytest.mark.parametrize(
    ("other", "questions"),
    [
        ({"name": WEB.upper()}, 1),
        ({"payload": 4096}, 1),
        ({"flags": "RD AD"}, 1),
        ({"qtype": "AAAA"}, 2),
        ({"dnssec_ok": True}, 2),
        ({"flags": "RD CD"}, 2),
    ],
)
def test_what_is_one_question(other: dict[str, str], questions: int) -> None:
    scene = Scene(answers={WEB: FOUND})
    first, second = scene.ask(), scene.ask(**other)
    scene.pass_time(0.01)
    assert first.reply.response.rcode == second.reply.response.rcode == 0
    assert len(scene.upstream.asked) == questions


@pytest.mark.parametrize("says", [DEAD, Says(error=ZeroDivisionError("ours"))], ids=["upstream", "our own"])
def test_a_failure_is_everyone_s(says: Says) -> None:
    scene = Scene(answers={WEB: says})
    asked = [scene.ask() for _ in range(3)]
    scene.pass_time(0.01)
    for each in asked:
        assert says.error is not None
        with pytest.raises(type(says.error)):
            assert each.reply
    assert len(scene.upstream.asked) == 1


@pytest.mark.parametrize("came", [0.0, 0.3, 1.7])
def test_nobody_waits_longer_than_for_a_question_of_his_own(came: float) -> None:
    scene = Scene(answers={WEB: FOUND})
    scene.upstream.delay = None
    first = scene.ask()
    scene.pass_time(came)
    second = scene.ask()
    scene.pass_time(100)
    assert not first.done
    assert second.seconds == pytest.approx(BUDGET)
    assert "no answer within" in str(second.error)
    assert scene.clock.pending == 0


def test_who_was_given_up_takes_nobody_s_answer_along() -> None:
    scene = Scene(answers={WEB: FOUND})
    scene.upstream.delay = None
    scene.ask()
    scene.ask()
    scene.pass_time(BUDGET)
    scene.upstream.delay = 0.01
    asked = [scene.ask(), scene.ask()]
    scene.upstream.lost.clear()
    gc.collect()
    scene.pass_time(0.01)
    assert [each.seconds for each in asked] == [pytest.approx(0.01)] * 2


def test_who_comes_after_a_flight_that_did_not_arrive_begins_another() -> None:
    scene = Scene(answers={WEB: FOUND})
    scene.upstream.delay = None
    scene.ask()
    scene.ask()
    scene.pass_time(BUDGET)
    scene.upstream.delay = 0.01
    asked = [scene.ask(), scene.ask()]
    scene.pass_time(0.01)
    assert [each.seconds for each in asked] == [pytest.approx(0.01)] * 2
    assert len(scene.upstream.asked) == 2


VIEWS = {"10.0.0.1": (b"10.0.0.1", b"shop"), "10.0.0.2": (b"10.0.0.2", b"shop"), "10.0.0.3": (b"10.0.0.3", b"blog")}


def _of(view: bytes, address: str) -> Says:
    return Says(answer=(f"@ 60 IN A {address}",)).replying(view=view)


def test_an_answer_for_a_view_is_shared_within_it_only() -> None:
    scene = Scene(answers={WEB: _of(b"shop", "10.1.1.1")}, views_of=VIEWS.__getitem__)
    asked = {client: scene.ask(client=client) for client in VIEWS}
    scene.pass_time(0.01)
    assert [records(asked[client].reply) for client in ("10.0.0.1", "10.0.0.2")] == [[f"{WEB} 60 IN A 10.1.1.1"]] * 2
    assert not asked["10.0.0.3"].done
    scene.upstream.answers[WEB] = _of(b"blog", "10.2.2.2")
    scene.pass_time(0.01)
    assert records(asked["10.0.0.3"].reply) == [f"{WEB} 60 IN A 10.2.2.2"]
    assert len(scene.upstream.asked) == 2


def test_where_answers_are_known_to_differ_nobody_waits_for_another_view_s() -> None:
    scene = Scene(answers={WEB: _of(b"10.0.0.1", "10.1.1.1")}, views_of=VIEWS.__getitem__)
    scene.get(client="10.0.0.1")
    scene.pass_time(60)
    asked = {client: scene.ask(client=client) for client in VIEWS}
    again = scene.ask(client="10.0.0.3")
    assert len(scene.upstream.asked) == 4
    scene.upstream.answers[WEB] = FOUND
    scene.pass_time(0.01)
    assert all(each.seconds == pytest.approx(0.01) for each in (*asked.values(), again))


def test_many_clients_of_different_views_at_once_each_get_their_own() -> None:
    clients = [f"10.0.0.{last}" for last in range(20)]
    scene = Scene(answers={}, views_of=lambda client: (client.encode(),))

    class PerClient(dict[str, Says]):
        """The upstream answers each client with the client's own address."""

        def get(self, name: str, default: Says | None = None) -> Says:  # type: ignore[override]
            client = scene.upstream.requests[len(answered)].client
            answered.append(client)
            return _of(client.encode(), client)

    answered: list[str] = []
    scene.upstream.answers = PerClient()
    asked = {client: scene.ask(client=client) for client in clients}
    scene.pass_time(1)
    assert {client: records(each.reply) for client, each in asked.items()} == {
        client: [f"{WEB} 60 IN A {client}"] for client in clients
    }
    assert len(answered) == 20


def test_a_cut_answer_is_not_shared_with_who_asked_over_tcp() -> None:
    cut = Says(answer=FOUND.answer, flags="QR TC RD RA")
    scene = Scene(answers={WEB: cut})
    asked = [scene.ask(transport=transport) for transport in ("udp", "udp", "tcp")]
    scene.pass_time(0.01)
    assert [each.done for each in asked] == [True, True, False]
    scene.upstream.answers[WEB] = FOUND
    scene.pass_time(0.01)
    assert not asked[2].reply.response.truncated


def test_one_client_s_trouble_is_not_another_s(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(answers={WEB: FOUND})
    first, second, third = scene.ask(), scene.ask(), scene.ask()

    def trouble() -> None:
        raise OSError("no buffer space")

    # As a listener that can't send would fail, in the very callback that brings the answer.
    second.flight.when_done(trouble)
    with caplog.at_level(logging.ERROR):
        scene.pass_time(0.01)
    assert first.reply.source == third.reply.source == "upstream"
    assert [record.getMessage() for record in caplog.records] == [
        "a query that waited for another's answer failed by our own fault"
    ]
