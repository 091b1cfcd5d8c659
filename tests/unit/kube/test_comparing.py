"""The list that comes now and then, though all seems well: when, and when not."""

from __future__ import annotations

import pytest

from clusterdns.errors import KubeApiError
from clusterdns.kube.decode import Bookmark
from clusterdns.kube.reflector import ListPage, Reflector, Step, WatchFrom
from clusterdns.kube.store import Cluster


@pytest.mark.parametrize(
    ("dice", "now", "step"),
    [
        (0.0, 3599, WatchFrom("11", 300)),
        (0.0, 3600, WatchFrom("", 300)),
        (0.5, 5399, WatchFrom("11", 450)),
        (0.5, 5400, WatchFrom("", 450)),
    ],
)
def test_a_watch_that_ends_after_an_hour_or_two_is_followed_by_a_list(dice: float, now: float, step: Step) -> None:
    reflector = Reflector(Cluster().store("Pod"), lambda: dice)
    reflector.next_step(0)
    reflector.heard(Bookmark("10", ends_list=True))
    reflector.heard(Bookmark("11"))
    reflector.ended(now)
    assert reflector.next_step(now) == step
    assert reflector.trouble == ""


def test_a_list_in_pages_is_not_begun_again_because_it_takes_long() -> None:
    reflector = Reflector(Cluster().store("Pod"), lambda: 0.0)
    reflector.next_step(0)
    reflector.failed(KubeApiError(422, "Invalid", "it does not stream"))
    reflector.next_step(0)
    reflector.listed("10", "c1")
    assert reflector.next_step(7200) == ListPage("c1")
