"""Log lines as users collect them, and a state that is told only when it changes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from clusterdns.daemon import logs
from clusterdns.errors import ConfigError


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["[DEBUG] d", "[INFO] i", "[WARNING] w", "[ERROR] e", "[FATAL] c"]),
        ("info", ["[INFO] i", "[WARNING] w", "[ERROR] e", "[FATAL] c"]),
        ("warning", ["[WARNING] w", "[ERROR] e", "[FATAL] c"]),
        ("WARN", ["[WARNING] w", "[ERROR] e", "[FATAL] c"]),
        ("error", ["[ERROR] e", "[FATAL] c"]),
        ("fatal", ["[FATAL] c"]),
    ],
)
def test_text_lines_by_level(level: str, shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("debug")
    logs.setup(level)
    logger = logging.getLogger("clusterdns.test")
    for number, text in ((10, "d"), (20, "i"), (30, "w"), (40, "e"), (50, "c")):
        logger.log(number, "%s", text)
    assert capsys.readouterr().err.splitlines() == shown


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("info", "json")
    logging.getLogger("x").warning('say "%s"', "a\nb")
    entry = json.loads(capsys.readouterr().err)
    assert (entry["level"], entry["msg"]) == ("warning", 'say "a\nb"')
    assert entry["time"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n[INFO] forged", "[INFO] a\\n[INFO] forged"),
        ("\x1b[2Jcleared", "[INFO] \\x1b[2Jcleared"),
        ("a\u2028b\x85c", "[INFO] a\\u2028b\\x85c"),
        ("a\tb é 例", "[INFO] a\\tb é 例"),
    ],
)
def test_a_message_stays_on_its_line(text: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("info")
    logging.getLogger("x").info("%s", text)
    assert capsys.readouterr().err == line + "\n"


@pytest.mark.parametrize("format", ["text", "json"])
def test_exceptions_are_kept(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("info", format)
    try:
        raise ValueError("inner")
    except ValueError:
        logging.getLogger("x").exception("outer")
    told = capsys.readouterr().err
    assert "outer" in told
    assert "ValueError: inner" in told


@pytest.mark.parametrize(("name", "level", "shown"), [("aiohttp", "info", False), ("aiohttp", "debug", True)])
def test_libraries_chat_only_at_debug(name: str, level: str, shown: bool, capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(level)
    logging.getLogger(name).info("chat")
    assert ("chat" in capsys.readouterr().err) is shown


@pytest.mark.parametrize(("level", "format"), [("loud", "text"), ("info", "xml")])
def test_unknown_words(level: str, format: str) -> None:
    with pytest.raises(ConfigError, match="write"):
        logs.setup(level, format)


def test_state_is_told_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    state = logs.StateLog(logging.getLogger("x"))
    state.good("a", "a works")
    state.bad("a", "a broke")
    state.bad("a", "a broke in another way")
    state.bad("b", "b broke")
    assert state.is_bad("a")
    state.good("a", "a works again")
    state.good("a", "a works again")
    assert not state.is_bad("a")
    state.bad("a", "a broke again")
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("WARNING", "a broke"),
        ("WARNING", "b broke"),
        ("INFO", "a works again"),
        ("WARNING", "a broke again"),
    ]
