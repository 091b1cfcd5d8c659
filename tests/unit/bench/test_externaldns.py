"""The benchmark of externaldns runs, on a handful of Services: what it counts is there, and its table can be read."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from pathlib import Path

import pytest

from bench.externaldns import Workload, main, measure, print_measured


@pytest.mark.parametrize(("registry", "each"), [("txt", 2), ("remark", 1)])
def test_it_counts_the_calls_of_each_part(
    registry: str, each: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = Workload(4, latency=0.0, registry=registry, changes=1, rate=4.0, rate_seconds=0.5, gap=0.0)
    measured = asyncio.run(measure(tmp_path, workload))
    # One DescribeZones, one page of DescribeZoneRecords, and a write for each record.
    assert measured.sync_calls == Counter({"read ok": 2, "write ok": 4 * each})
    assert measured.sync_failures == 0
    assert measured.single_calls["write ok"] == 1
    assert measured.steady_calls["write ok"] == 2
    assert [len(measured.single), len(measured.steady)] == [1, 2]
    assert all(map(math.isfinite, measured.single + measured.steady))
    print_measured(workload, measured)
    assert f"| calls | read ok 2, write ok {4 * each} |" in capsys.readouterr().out


def test_more_changes_than_services_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--services", "10"])
    assert "there must be as many" in capsys.readouterr().err
