"""The README's first command keeps its promises."""

from __future__ import annotations

import json
import subprocess
import sys


def test_the_demo_tells_its_story_and_ends_with_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clusterdns.cli", "demo", "--once", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["queries_without_autopath"] == 4
    assert outcome["queries_with_autopath"] == 1
    assert outcome["repeat_reached_upstream"] == 0
    assert outcome["external_answer"] == "1.1.1.1"
    assert outcome["privatezone_answer"] == "10.20.30.40"
    assert outcome["privatezone_after_delete"] == "NXDOMAIN"
    assert "autopath off" in done.stdout
    assert "nodelocal's cache" in done.stdout


def test_missing_examples_are_named(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clusterdns.cli", "demo", "--once", "--examples", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"no examples in {tmp_path}")
