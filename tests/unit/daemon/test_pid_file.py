"""The file of `-pidfile`: what is in it, and when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clusterdns.daemon.pid_file import PidFile
from clusterdns.errors import ConfigError

OWN = f"{os.getpid()}\n"


def test_from_the_start_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("4711\n")
    file = PidFile(str(path))
    assert path.read_text() == ""
    file.write()
    assert path.read_text() == OWN
    file.remove()
    assert not path.exists()
    file.remove()


@pytest.mark.parametrize("text", ["", "4711\n"])
def test_that_of_another_process_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pid"
    file = PidFile(str(path))
    file.write()
    path.write_text(text)
    file.remove()
    assert path.read_text() == text


def test_without_a_path_there_is_none() -> None:
    file = PidFile("")
    file.write()
    file.remove()


def test_one_that_can_not_be_made_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        PidFile(str(tmp_path / "nowhere" / "pid"))


def test_one_that_can_not_be_written_later_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    file = PidFile(str(folder / "pid"))
    (folder / "pid").unlink()
    folder.rmdir()
    file.write()
    assert "can't be written: No such file" in caplog.text
    file.remove()
