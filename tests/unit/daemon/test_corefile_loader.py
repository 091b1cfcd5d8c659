"""Corefiles from disk: imports, the environment, the digest, and files that can't be read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from clusterdns.daemon.corefile_loader import load_corefile
from clusterdns.directives.config import forward
from clusterdns.directives.config.server import STANDARD
from clusterdns.errors import ConfigError

COREFILE = """\
(shared) {
    errors
}
import conf.d/*.server
. {
    import shared
    import options
    forward . {$UPSTREAM}
}
"""
FILES = {
    "Corefile": COREFILE,
    "options": "cache 30\n",
    "conf.d/b.server": "b.example {\n forward . 192.0.2.2\n}\n",
    "conf.d/a.server": "a.example {\n forward . 192.0.2.1\n}\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPSTREAM", "192.0.2.53")
    (tmp_path / "conf.d").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def digest(folder: Path) -> str:
    return load_corefile(str(folder / "Corefile"), STANDARD, default_port=53).digest


def test_blocks_come_with_imports_in_order_snippets_and_the_environment(folder: Path) -> None:
    servers = load_corefile(str(folder / "Corefile"), STANDARD, default_port=1053).servers
    assert [server.zones for server in servers] == [("a.example.",), ("b.example.",), (".",)]
    assert [key.port for server in servers for key in server.keys] == [1053] * 3
    assert set(servers[2].directives) == {"errors", "cache", "forward"}
    (upstream,) = servers[2].all(forward.Config)[0].to
    assert getattr(upstream, "address", None) == "192.0.2.53"


def test_a_relative_path_and_its_imports(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert len(load_corefile("Corefile", STANDARD, default_port=53).servers) == 3


def test_the_digest_is_that_of_the_text(tmp_path: Path) -> None:
    corefile = tmp_path / "Corefile"
    corefile.write_text(". {\n errors\n}\n")
    assert digest(tmp_path) == hashlib.sha512(corefile.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", FILES)
def test_the_digest_covers_every_file(folder: Path, name: str) -> None:
    before = digest(folder)
    assert digest(folder) == before
    (folder / name).write_text(FILES[name] + "# changed\n")
    assert digest(folder) != before


def test_the_digest_covers_files_that_appear(folder: Path) -> None:
    before = digest(folder)
    (folder / "conf.d" / "c.server").write_text("c.example {\n errors\n}\n")
    assert digest(folder) != before


def test_a_folder_that_matches_is_no_file(folder: Path) -> None:
    (folder / "conf.d" / "folder.server").mkdir()
    assert len(load_corefile(str(folder / "Corefile"), STANDARD, default_port=53).servers) == 3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("Corefile", None, "can't be read: No such file or directory"),
        ("Corefile", b". {\n errors \xff\n}\n", "is not UTF-8 text: invalid start byte at byte 12"),
        ("options", b"\xff", "is not UTF-8 text"),
        ("options", b"cahce 30\n", 'options:1:1: unknown directive "cahce"'),
        ("options", None, "options"),
        ("conf.d/a.server", b". {\n errors\n}\n", "already served"),
    ],
)
def test_what_can_not_be_loaded_is_named(folder: Path, name: str, content: bytes | None, says: str) -> None:
    path = folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        digest(folder)
    assert says in str(refused.value)
    assert str(folder) in str(refused.value)


def test_a_file_that_may_not_be_read(folder: Path) -> None:
    if os.geteuid() == 0:
        (folder / "Corefile").unlink()
        (folder / "Corefile").mkdir()  # nobody may read a folder as a file
    else:
        (folder / "Corefile").chmod(0)
    with pytest.raises(ConfigError, match=r"Corefile: .*can't be read: (Permission denied|Is a directory)"):
        digest(folder)
