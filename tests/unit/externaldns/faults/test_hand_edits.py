"""Rows edited by hand in the zone: what is ours ends as it is wanted, what is others' is not touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from clusterdns.kube.events import Event
from externaldns.announce import REASONS, Announcer
from externaldns.decision import Rules
from externaldns.ownership import Registry, TxtRegistry
from externaldns.policy import upsert_only
from externaldns.providers.privatezone.emulator.rows import Record
from externaldns.remark_registry import RemarkRegistry
from tests.unit.externaldns.baton import Baton
from tests.unit.externaldns.faults.scene import ZONE, Process, Scene

TXT, REMARK = TxtRegistry("me"), RemarkRegistry("me")
BOTH: Sequence[Registry] = (TXT, REMARK)
WANTED = {
    "web": "192.0.2.1",
    "pair": "192.0.2.11,192.0.2.12",
    "alias": "lb.example.net",
    **{f"h{number}": f"198.51.100.{number}" for number in range(40)},
}
HERITAGE = '"heritage=external-dns,external-dns/owner={},external-dns/resource=service/shop/{}"'
Do = Callable[[Scene], None]


def edit(action: str, rr: str, **fields: object) -> Do:
    """An edit of the first row of `rr` at the console."""

    def do(scene: Scene) -> None:
        scene.api.by_hand(action, ZONE, RecordId=scene.api.record_ids(ZONE, rr)[0], **fields)

    return do


def write(rr: str, new_rr: str = "", value: str = "192.0.2.1", record_type: str = "A", ttl: int = 60) -> Do:
    """An edit of the first row of `rr`: its new name, value, type and TTL."""
    return edit("UpdateZoneRecord", rr, Rr=new_rr or rr, Type=record_type, Value=value, Ttl=ttl)


def add(rr: str, value: str, record_type: str = "A") -> Do:
    return lambda scene: scene.api.by_hand("AddZoneRecord", ZONE, Rr=rr, Type=record_type, Value=value)


def delete(rr: str) -> Do:
    return edit("DeleteZoneRecord", rr)


def unwant(name: str) -> Do:
    return lambda scene: scene.want(**{name: ""})


@dataclass(frozen=True)
class Case:
    """Edits made at once, and what the zone then has other than is wanted, ownership records aside."""

    edits: Sequence[Do]
    registries: Sequence[Registry] = BOTH
    more: tuple[str, ...] = ()
    remarked: Mapping[str, str] = field(default_factory=dict)
    """The same with their remarks."""
    fewer: tuple[str, ...] = ()


CASES: Mapping[str, Case] = {
    "a record deleted": Case([delete("web")]),
    "one value of a set deleted": Case([delete("pair")]),
    "a value changed": Case([write("web", value="203.0.113.1")]),
    "a TTL changed": Case([write("web", ttl=3600)]),
    "one TTL of a set changed": Case([write("pair", value="192.0.2.11", ttl=5)]),
    "a row disabled": Case([edit("SetZoneRecordStatus", "web", Status="DISABLE")]),
    "a type changed": Case([write("web", value="lb.example.net", record_type="CNAME")]),
    "a type changed to one that is not managed": Case([write("web", value="hello", record_type="TXT")]),
    # A record has one owner for all its values by TXT; by remark, each value has its own.
    "a value added to a set": Case([add("pair", "203.0.113.1")], [TXT]),
    "a value of others added to a set": Case([add("pair", "203.0.113.1")], [REMARK], more=("pair A 60 203.0.113.1",)),
    "the same added by others under another name": Case([add("copy", "192.0.2.1")], more=("copy A 60 192.0.2.1",)),
    "moved": Case([write("web", "elsewhere")]),
    "moved, and its ownership deleted": Case([write("web", "elsewhere"), delete("a-web")], [TXT]),
    "moved, and its ownership with it": Case(
        [write("web", "elsewhere"), write("a-web", "a-elsewhere", HERITAGE.format("me", "web"), "TXT")], [TXT]
    ),
    "moved among our own values": Case([write("web", "pair")]),
    "moved beside somebody else's values": Case([write("web", "hand")]),
    "moved to a name that another owner has": Case([write("web", "theirs")]),
    "moved to a name that is wanted from now on": Case(
        [write("web", "soon"), lambda scene: scene.want(soon="192.0.2.1")]
    ),
    "moved, and no object wants it": Case([write("web", "elsewhere"), unwant("web")]),
    "moved and given to another owner": Case(
        [write("web", "elsewhere"), write("a-web", "a-elsewhere", HERITAGE.format("you", "web"), "TXT")],
        [TXT],
        more=("elsewhere A 60 192.0.2.1", "a-elsewhere TXT 60 " + HERITAGE.format("you", "web")),
    ),
    "moved and given to another owner by its remark": Case(
        [write("web", "elsewhere"), edit("UpdateRecordRemark", "elsewhere", Remark="externaldns,you,service,shop,web")],
        [REMARK],
        remarked={"elsewhere A 60 192.0.2.1": "externaldns,you,service,shop,web"},
    ),
    "made into a record of somebody else's": Case(
        [write("web", "elsewhere", "203.0.113.1")], [TXT], more=("elsewhere A 60 203.0.113.1",)
    ),
    "an ownership record deleted": Case([delete("a-web")], [TXT]),
    "an ownership record deleted, and the value changed": Case(
        [delete("a-web"), write("web", value="203.0.113.1")], [TXT]
    ),
    "an ownership record deleted, and no object wants it": Case([delete("a-web"), unwant("web")], [TXT]),
    "an ownership record overwritten": Case([write("a-web", value='"hello"', record_type="TXT")], [TXT]),
    "an ownership record moved": Case([write("a-web", "zzz", HERITAGE.format("me", "web"), "TXT")], [TXT]),
    "an ownership record moved to somebody else's record": Case(
        [write("a-web", "a-hand", HERITAGE.format("me", "web"), "TXT")], [TXT]
    ),
    "a remark taken away": Case([edit("UpdateRecordRemark", "web", Remark="")], [REMARK]),
    "a remark of a set overwritten": Case([edit("UpdateRecordRemark", "pair", Remark="hello")], [REMARK]),
    "a remark taken away, and no object wants it": Case(
        [edit("UpdateRecordRemark", "web", Remark=""), unwant("web")], [REMARK]
    ),
}


def state(scene: Scene) -> dict[str, str]:
    """Each row as `RR TYPE TTL VALUE`, and its remark; a row that does not answer says so there."""
    rows = scene.api.store.connection.execute("SELECT rr, type, ttl, value, remark, status FROM records")
    return {
        f"{rr} {record_type} {ttl} {value}": remark if status == "ENABLE" else status
        for rr, record_type, ttl, value, remark, status in rows
    }


def wanted(scene: Scene, registry: Registry) -> dict[str, str]:
    """What `state` is to be in the end."""
    if registry is TXT:
        return dict.fromkeys(scene.desired(), "")
    ours = [row for row in scene.desired() if row not in Scene.FOREIGN and " TXT " not in row]
    remarks = {row: f"externaldns,me,service,shop,{row.split()[0]}" for row in ours}
    return {**dict.fromkeys(Scene.FOREIGN, ""), **remarks}


def others(scene: Scene) -> list[Record]:
    """The rows of others, with the times at which they were changed."""
    zone = scene.api.store.zones_named(ZONE)[0].zone_id
    rows = [row for rr in ("hand", "theirs", "a-theirs") for row in scene.api.store.records_at(zone, rr)]
    return [row for row in rows if f"{row.rr} {row.type} {row.ttl} {row.value}" in Scene.FOREIGN]


@pytest.mark.parametrize(
    ("what", "registry"), [(what, registry) for what, case in CASES.items() for registry in case.registries]
)
def test_the_zone_ends_as_it_is_wanted(what: str, registry: Registry) -> None:
    case, scene = CASES[what], Scene()

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process(registry=registry) as process:
            await scene.until(lambda: state(scene) == wanted(scene, registry), 600)
            foreign = others(scene)
            await asyncio.sleep(130)
            for do in case.edits:
                do(scene)
            expected = {**wanted(scene, registry), **dict.fromkeys(case.more, ""), **case.remarked}
            assert await scene.until(lambda: state(scene) == expected, 300) <= 61
            # And it comes to rest, with nothing of others touched.
            writes = scene.api.writes
            await asyncio.sleep(300)
            assert (scene.api.writes, state(scene)) == (writes, expected)
            assert others(scene) == foreign
            assert not process.ended

    scene.run(body())


@pytest.mark.parametrize("registry", BOTH, ids=["txt", "remark"])
def test_a_policy_that_deletes_nothing_leaves_what_was_moved(registry: Registry) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process(registry=registry, rules=Rules(upsert_only)):
            await scene.until(lambda: state(scene) == wanted(scene, registry), 600)
            remark = state(scene)["web A 60 192.0.2.1"]
            await asyncio.sleep(130)
            write("web", "elsewhere")(scene)
            await asyncio.sleep(300)
            assert state(scene) == {**wanted(scene, registry), "elsewhere A 60 192.0.2.1": remark}

    scene.run(body())


@pytest.mark.parametrize(
    ("do", "registry", "expected"),
    [
        (delete("a-web"), TXT, (f"add a-web TXT {HERITAGE.format('me', 'web')}", "its ownership was taken away")),
        (
            edit("UpdateRecordRemark", "web", Remark=""),
            REMARK,
            ("remark web A 192.0.2.1", "its ownership was taken away"),
        ),
        (write("web", "elsewhere"), TXT, ("delete elsewhere A 192.0.2.1", "it was changed by hand")),
    ],
)
def test_the_audit_log_says_why(do: Do, registry: Registry, expected: tuple[str, str]) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process(registry=registry):
            await scene.until(lambda: state(scene) == wanted(scene, registry), 600)
            await asyncio.sleep(130)
            do(scene)
            await scene.until(lambda: expected in scene.causes, 180)

    scene.run(body())


def test_a_standby_knows_what_it_has_seen() -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        first, second = Baton(True), Baton(False)
        async with scene.process(leadership=first), scene.process(leadership=second):
            await scene.settled(600)
            await asyncio.sleep(130)
            first.give(False)
            delete("a-web")(scene)
            write("alias", "elsewhere", "lb.example.net", "CNAME")(scene)
            second.give(True)
            await scene.settled(180)

    scene.run(body())


HANDED_OVER: Mapping[str, tuple[Registry, Do]] = {
    "txt": (TXT, write("a-web", value=HERITAGE.format("them", "web"), record_type="TXT")),
    "remark": (REMARK, edit("UpdateRecordRemark", "web", Remark="externaldns,them,service,shop,web")),
}


@pytest.mark.parametrize("how", HANDED_OVER)
def test_what_is_given_to_another_owner_is_let_go_for_good(how: str) -> None:
    scene, (registry, hand_over) = Scene(), HANDED_OVER[how]

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process(registry=registry):
            await scene.until(lambda: state(scene) == wanted(scene, registry), 600)
            await asyncio.sleep(130)
            hand_over(scene)
            await asyncio.sleep(130)
            # Its new owner does with it what it likes, and leaves it in the end.
            write("web", value="203.0.113.9")(scene)
            scene.want(web="192.0.2.7")
            await asyncio.sleep(130)
            (delete("a-web") if registry is TXT else edit("UpdateRecordRemark", "web", Remark=""))(scene)
            await asyncio.sleep(130)
            scene.want(web="")
            await asyncio.sleep(130)
            assert state(scene) == {**wanted(scene, registry), "web A 60 203.0.113.9": ""}

    scene.run(body())


NOT_OURS: Mapping[str, tuple[Sequence[Do], set[str]]] = {
    "deleted, and the same added by somebody else": (
        [delete("web"), delete("a-web"), add("web", "192.0.2.1")],
        {"web A 60 192.0.2.1"},
    ),
    "its ownership deleted, and a value of somebody else's beside it": (
        [delete("a-web"), add("web", "203.0.113.9")],
        {"web A 60 192.0.2.1", "web A 60 203.0.113.9"},
    ),
}


@pytest.mark.parametrize("what", NOT_OURS)
def test_what_may_be_somebody_elses_is_left_alone_and_the_way_to_take_it_is_told(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene, (edits, left) = Scene(), NOT_OURS[what]

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process() as process:
            await scene.settled(600)
            await asyncio.sleep(130)
            for do in edits:
                do(scene)
            await untouched(scene, left, process)
            assert caplog.text.count("web.ex.com A is left alone: nobody owns the record that is there") == 1

    scene.run(body())


def test_after_a_restart_nothing_says_that_it_was_ours_but_the_operator() -> None:
    scene, events = Scene(), list[Event]()
    announcer = Announcer(REASONS, events.append)

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process():
            await scene.settled(600)
        delete("a-web")(scene)
        async with scene.process(report=announcer.applied) as process:
            await asyncio.sleep(130)
            await untouched(scene, {"web A 60 192.0.2.1"}, process)
            [event] = events
            assert (event.about.name, event.reason, event.warning) == ("web", "RecordError", True)
            assert "`externaldns adopt` takes it over" in event.message
            # The operator does as the event says; here by hand.
            add("a-web", HERITAGE.format("me", "web"), "TXT")(scene)
            scene.want(web="192.0.2.7")
            await scene.settled(180)
            assert process.measured.unowned == 0

    scene.run(body())


async def untouched(scene: Scene, left: set[str], process: Process) -> None:
    """Wait for long, and see that of web.ex.com there is still what is `left`, and that this was counted."""
    await asyncio.sleep(300)
    assert {row for row in scene.rows() if row.startswith(("web ", "a-web "))} == left
    assert process.measured.unowned == 1
