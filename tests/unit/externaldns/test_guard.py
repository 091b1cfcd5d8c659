"""The delete guard, at given times."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from externaldns.changes import Changes
from externaldns.guard import DeleteGuard, DeleteLimits, Guarded
from externaldns.record import Endpoint


def a(name: str) -> Endpoint:
    return Endpoint(name, ("192.0.2.1",), "A")


def names(count: int, first: int = 0, zone: str = "ex.com") -> list[str]:
    return [f"h{number}.{zone}" for number in range(first, first + count)]


def zone_of(name: str) -> str:
    return name.partition(".")[2]


def check(
    guard: DeleteGuard,
    deleted: Iterable[str],
    owned: int = 100,
    now: float = 0.0,
    considered: Callable[[str], bool] | None = None,
    created: Iterable[str] = (),
) -> Guarded:
    create = tuple(Endpoint(name, ("lb.example.net",), "CNAME") for name in created)
    changes = Changes(create=create, delete=tuple(a(name) for name in deleted))
    return guard.check(changes, zone_of, {"ex.com": owned, "ex.net": owned}, now, considered)


@pytest.mark.parametrize(
    ("limits", "owned", "deletions", "allowed"),
    [
        pytest.param(DeleteLimits(), 100, 30, True, id="30 % of 100"),
        pytest.param(DeleteLimits(), 100, 31, False, id="more"),
        pytest.param(DeleteLimits(), 10, 10, False, id="a zone may not lose all"),
        pytest.param(DeleteLimits(), 4, 4, False, id="a small zone may not lose all"),
        pytest.param(DeleteLimits(), 3, 3, True, id="the last few records may go"),
        pytest.param(DeleteLimits(), 11, 10, True, id="all but one of a small zone"),
        pytest.param(
            DeleteLimits(allow_mass_delete=True), 10, 10, True, id="a zone may lose all where that is allowed"
        ),
        pytest.param(DeleteLimits(), 11, 11, False, id="eleven of eleven"),
        pytest.param(DeleteLimits(max_delete_percent=0), 1000, 10, True, id="the floor"),
        pytest.param(DeleteLimits(max_delete_percent=0), 1000, 11, False, id="above the floor"),
        pytest.param(DeleteLimits(max_delete=5), 1000, 5, True, id="--max-delete"),
        pytest.param(DeleteLimits(max_delete=5), 1000, 6, False, id="more than --max-delete"),
        pytest.param(DeleteLimits(max_delete_percent=100), 8764, 8764, True, id="100 %"),
        pytest.param(DeleteLimits(), 8764, 8764, False, id="all of a fleet"),
        pytest.param(DeleteLimits(allow_mass_delete=True), 8764, 8764, True, id="allowed"),
    ],
)
def test_how_many_may_go(limits: DeleteLimits, owned: int, deletions: int, allowed: bool) -> None:
    guarded = check(DeleteGuard(limits), names(deletions), owned)
    assert len(guarded.changes.delete) == (deletions if allowed else 0)
    assert guarded.waiting == (0 if allowed else deletions)
    assert bool(guarded.stopped) is not allowed


def test_the_words_say_how_to_allow_it() -> None:
    [words] = check(DeleteGuard(), names(31)).stopped.values()
    assert words.startswith("zone ex.com: 31 records would be deleted (h0.ex.com A, h1.ex.com A, h10.ex.com A, ...)")
    assert "--max-delete-percent" in words
    assert "--allow-mass-delete" in words


def test_everything_else_goes_on_and_so_do_other_zones() -> None:
    guarded = check(DeleteGuard(), [*names(31), *names(3, zone="ex.net")], created=["new.ex.com"])
    assert [old.dns_name for old in guarded.changes.delete] == names(3, zone="ex.net")
    assert [new.dns_name for new in guarded.changes.create] == ["new.ex.com"]
    assert guarded.stopped.keys() == {"ex.com"}


def test_a_change_of_type_is_no_deletion() -> None:
    guarded = check(DeleteGuard(), names(50), created=names(50))
    assert len(guarded.changes.delete) == 50
    assert not guarded.stopped


def test_small_portions_are_counted_together() -> None:
    guard, gone, stopped = DeleteGuard(), 0, ""
    for portion in range(20):
        batch = frozenset(names(5, first=5 * portion))
        guarded = check(guard, sorted(batch), 100 - gone, float(portion), batch.__contains__)
        gone += len(guarded.changes.delete)
        stopped = "".join(guarded.stopped.values())
    assert gone == 30
    assert "100 records would be deleted" in stopped
    assert guard.waiting == 70


def test_they_do_not_trickle_away_when_time_passes() -> None:
    guard = DeleteGuard()
    check(guard, names(90))
    for now in (700.0, 1400.0):
        assert not check(guard, names(90), now=now).changes.delete
    some = frozenset(names(5))
    assert not check(guard, some, 100, 1401.0, some.__contains__).changes.delete, "nor one after another"


def test_what_is_wanted_again_is_forgotten() -> None:
    guard = DeleteGuard()
    check(guard, names(90))
    assert check(guard, names(3), now=60.0).changes.delete == tuple(a(name) for name in names(3))
    assert guard.waiting == 0


def test_what_comes_back_is_not_counted_as_lost() -> None:
    guard = DeleteGuard()
    for pod, name in enumerate(names(100)):
        assert check(guard, [name], considered=frozenset([name]).__contains__, now=float(pod)).changes.delete
        back = Changes(create=(a(name),))
        guard.check(back, zone_of, {"ex.com": 99}, float(pod), frozenset([name]).__contains__)
    assert len(check(guard, names(30), now=100.0).changes.delete) == 30
    assert not check(guard, names(10, first=30), 70, 101.0).changes.delete, "these are gone"


def test_a_short_run_forgets_only_what_it_was_about() -> None:
    guard = DeleteGuard()
    check(guard, names(90))
    check(guard, [], 100, 1.0, frozenset(names(10)).__contains__)
    assert guard.waiting == 80


def test_the_limit_is_per_ten_minutes() -> None:
    guard = DeleteGuard()
    assert len(check(guard, names(30)).changes.delete) == 30
    assert not check(guard, names(30, first=30), 70, 599.0).changes.delete
    assert len(check(guard, names(21, first=30), 70, 600.0).changes.delete) == 21


def test_a_record_outlives_its_object_for_as_many_full_runs_as_asked_for() -> None:
    guard = DeleteGuard(DeleteLimits(grace_loops=3))
    short = frozenset(names(1)).__contains__
    runs = [check(guard, names(1), now=float(run), considered=short if run == 1 else None) for run in range(4)]
    assert [len(run.changes.delete) for run in runs] == [0, 0, 0, 1]
    check(guard, names(1, first=5), now=5.0)
    check(guard, [], now=6.0)
    assert [len(check(guard, names(1, first=5), now=7.0 + run).changes.delete) for run in range(3)] == [0, 0, 1]


def test_what_a_process_before_us_has_deleted_counts() -> None:
    guard = DeleteGuard()
    check(guard, names(5, first=90))
    guard.resume({"ex.com": [(500.0, 15), (599.0, 5)], "ex.net": [(1.0, 30)]}, 1000.0)
    assert not check(guard, names(11), 80, 1000.0).changes.delete
    assert len(check(guard, names(10), 80, 1000.0).changes.delete) == 10
    assert guard.history(1000.0) == {"ex.com": [(500.0, 15), (599.0, 5), *[(0.0, 1)] * 10], "ex.net": [(1.0, 30)]}
    assert guard.history(1200.0) == {"ex.com": [(200.0, 1)] * 10, "ex.net": [(201.0, 30)]}
    assert guard.history(1700.0) == {}


def test_of_what_was_before_us_nothing_is_known_so_that_few_may_go_for_ten_minutes() -> None:
    guard = DeleteGuard()
    guard.start(100.0)
    [words] = check(guard, names(11), now=100.0).stopped.values()
    assert "11 records would be deleted" in words
    assert "first ten minutes after a start without --leader-election" in words
    assert not check(guard, names(11), now=699.0).changes.delete
    assert len(check(guard, names(11), now=700.0).changes.delete) == 11


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        (DeleteLimits(), 0),
        (DeleteLimits(max_delete=5), 0),
        (DeleteLimits(max_delete_percent=100), 50),
        (DeleteLimits(allow_mass_delete=True), 50),
    ],
)
def test_what_is_allowed_in_any_case_is_allowed_at_the_start(limits: DeleteLimits, allowed: int) -> None:
    guard = DeleteGuard(limits)
    guard.start(0.0)
    assert len(check(guard, names(50)).changes.delete) == allowed
