"""Histograms of plain integers."""

from __future__ import annotations

import pytest

from clusterdns.histogram import SECONDS, SLIM_SECONDS, Histogram


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(-1, 0), (0, 0), (1, 0), (1.0001, 1), (2, 1), (5, 2), (5.1, 3), (1e9, 3)],
)
def test_a_value_counts_in_the_first_bucket_whose_bound_it_does_not_exceed(value: float, bucket: int) -> None:
    histogram = Histogram((1, 2, 5))
    assert histogram.add(value) == bucket
    histogram.add(value, times=3)
    assert histogram.counts == [4 if number == bucket else 0 for number in range(4)]
    assert histogram.total == pytest.approx(4 * value)


def test_the_buckets_of_dashboards() -> None:
    assert len(SECONDS) == 16
    assert (SECONDS[0], SECONDS[1], SECONDS[-1]) == (0.00025, 0.0005, 8.192)
    assert list(SLIM_SECONDS) == pytest.approx([0.00025, 0.0025, 0.025, 0.25, 2.5])


def test_merge_adds_what_another_one_has_counted() -> None:
    first, second = Histogram((1, 2)), Histogram((1, 2))
    first.add(1)
    second.add(1)
    second.add(9, times=2)
    first.merge(second)
    assert (first.counts, first.total) == ([2, 0, 2], 20)
    assert (second.counts, second.total) == ([1, 0, 2], 19)
