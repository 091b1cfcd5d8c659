"""What holds for every test: hypothesis without a clock, and marks that skip on a laptop but never in CI."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI") == "true"

# Slow and shared machines: how long an example took says nothing. In CI the same examples run each time.
settings.register_profile("local", deadline=None, max_examples=200)
settings.register_profile("ci", deadline=None, max_examples=300, derandomize=True, database=None)
settings.load_profile("ci" if IN_CI else "local")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose `root` or `package(name, program=name)` is not there; in CI, fail it."""
    missing = []
    if item.get_closest_marker("root") and os.geteuid() != 0:
        missing.append("root")
    for mark in item.iter_markers("package"):
        (package,) = mark.args
        if shutil.which(mark.kwargs.get("program", package)) is None:
            missing.append(f"the Debian package {package}")
    if missing:
        reason = "needs " + " and ".join(missing)
        if IN_CI:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
