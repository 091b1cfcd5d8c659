"""What a process knows of its own rows, and what it then makes of a zone that was edited by hand."""

from __future__ import annotations

import pytest

from externaldns.changes import Changes, NameChange, RecordChange
from externaldns.own_rows import OwnRows, remove
from externaldns.ownership import TxtRegistry
from externaldns.record import Endpoint
from tests.unit.externaldns.test_ownership import WRITTEN, told, txt


def record(name: str, *rows: tuple[str, int], record_type: str = "A") -> Endpoint:
    """A record set of rows, each a value and an ID."""
    return Endpoint(name, tuple(value for value, _ in rows), record_type, row_ids=dict(rows))


def knowing() -> OwnRows:
    """Who has seen web A with two values, and its ownership record."""
    rows = OwnRows(TxtRegistry("me").marks)
    web = record("web.ex.com", ("192.0.2.1", 1), ("192.0.2.2", 2)).with_label("resource", "service/shop/web")
    rows.learn([web, record("a-web.ex.com", (WRITTEN, 3), record_type="TXT")], [])
    return rows


@pytest.mark.parametrize(
    ("found", "strays", "kept"),
    [
        (record("web.ex.com", ("192.0.2.1", 1)), [], ["web.ex.com 192.0.2.1"]),
        (record("web.ex.com", ("203.0.113.1", 1)), [], ["web.ex.com 203.0.113.1"]),
        (record("web.ex.com", ("lb.ex.com", 1), record_type="CNAME"), ["web.ex.com lb.ex.com"], []),
        (record("copy.ex.com", ("192.0.2.1", 9)), [], ["copy.ex.com 192.0.2.1"]),
        (record("copy.ex.com", ("192.0.2.1", 1)), ["copy.ex.com 192.0.2.1"], []),
        (record("copy.ex.com", ("203.0.113.1", 1)), [], ["copy.ex.com 203.0.113.1"]),
        (
            record("copy.ex.com", ("192.0.2.1", 1), ("192.0.2.9", 9)),
            ["copy.ex.com 192.0.2.1"],
            ["copy.ex.com 192.0.2.9"],
        ),
        (record("a-web.ex.com", (WRITTEN.strip('"'), 3), record_type="TXT"), [], [f"a-web.ex.com {WRITTEN[1:-1]}"]),
        (record("a-web.ex.com", ("hello", 3), record_type="TXT"), ["a-web.ex.com hello"], []),
        (record("a-db.ex.com", (WRITTEN.strip('"'), 3), record_type="TXT"), [f"a-db.ex.com {WRITTEN[1:-1]}"], []),
    ],
)
def test_strays(found: Endpoint, strays: list[str], kept: list[str]) -> None:
    result = knowing().sort_out([found])
    assert [f"{each.dns_name} {' '.join(each.targets)}" for each in result.strays] == strays
    assert [f"{each.dns_name} {' '.join(each.targets)}" for each in result.records] == kept


def test_a_row_that_spells_the_value_of_another_one_is_as_good_as_that() -> None:
    bare = WRITTEN.strip('"')
    found = Endpoint("a-db.ex.com", (WRITTEN,), "TXT", row_ids={bare: 3, WRITTEN: 9})
    assert knowing().sort_out([found]).records == (found,)


def test_a_text_with_another_owner_is_no_stray() -> None:
    theirs = txt("a-web.ex.com", "them").targets[0]
    found = record("a-web.ex.com", (theirs, 3), record_type="TXT")
    assert knowing().sort_out([found]).records == (found,)


def test_what_is_known_of_a_value() -> None:
    rows = knowing()
    assert rows.recall(record("web.ex.com", ("203.0.113.1", 1)), "203.0.113.1") == "service/shop/web"
    assert rows.recall(record("web.ex.com", ("192.0.2.1", 9)), "192.0.2.1") is None
    assert rows.recall(record("db.ex.com", ("192.0.2.1", 1)), "192.0.2.1") is None
    assert rows.recall(Endpoint("web.ex.com", ("192.0.2.1",), "A"), "192.0.2.1") is None, "a provider without IDs"


def test_what_is_gone_or_given_away_is_forgotten() -> None:
    rows = knowing()
    web = record("web.ex.com", ("192.0.2.1", 1), ("192.0.2.2", 2))
    here = [record("web.ex.com", ("192.0.2.2", 2))]
    rows.forget_all_but(here, unread=lambda name: name.endswith("ex.com"))
    assert [rows.recall(web, target) for target in web.targets] == ["service/shop/web"] * 2
    rows.forget_all_but(here, unread=lambda name: False)
    assert [rows.recall(web, target) for target in web.targets] == [None, "service/shop/web"]
    rows.learn([], [web])
    assert rows.recall(web, "192.0.2.2") is None


@pytest.mark.parametrize(
    ("new", "known"),
    [
        (None, [False, False]),
        (Endpoint("web.ex.com", ("192.0.2.2", "192.0.2.3"), "A"), [False, True]),
        (Endpoint("web.ex.com", ("192.0.2.1", "192.0.2.2"), "A", ttl=5), [True, True]),
    ],
)
def test_what_was_deleted_is_forgotten(new: Endpoint | None, known: list[bool]) -> None:
    rows = knowing()
    web = record("web.ex.com", ("192.0.2.1", 1), ("192.0.2.2", 2))
    rows.forget_deleted([NameChange("web.ex.com", (RecordChange(web, new),))])
    assert [rows.recall(web, target) is not None for target in web.targets] == known


def test_a_row_that_is_nothing_of_what_it_was_is_forgotten_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    rows = knowing()
    rows.sort_out([record("copy.ex.com", ("203.0.113.1", 1))])
    assert caplog.messages == ["what was our web.ex.com A is now copy.ex.com A 203.0.113.1: it is left alone"]
    assert rows.recall(record("web.ex.com", ("192.0.2.1", 1)), "192.0.2.1") is None


def test_strays_are_deleted_before_all_else_under_their_names() -> None:
    registry = TxtRegistry("me")
    stray = record("new.ex.com", ("lb.ex.com", 1), record_type="CNAME")
    create = Changes(create=(record("new.ex.com", ("192.0.2.1", 0)),))
    attached = registry.read([], lambda name: "ex.com").attach(create)
    assert told(remove([stray, record("old.ex.com", ("192.0.2.2", 2))], attached.changes)) == {
        "new.ex.com": ["delete new.ex.com CNAME", "create a-new.ex.com TXT", "create new.ex.com A"],
        "old.ex.com": ["delete old.ex.com A"],
    }
