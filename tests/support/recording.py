"""The recorded exchanges with a real Kubernetes API server, in tests/support/recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "recordings"


def recorded(number: int) -> dict[str, Any]:
    """The exchange in the file that starts with that number: its `request` and `response`."""
    (file,) = FOLDER.glob(f"{number:02}-*.json")
    exchange: dict[str, Any] = json.loads(file.read_bytes())
    return exchange


def body(number: int) -> bytes:
    """The response body as it was on the wire."""
    content = recorded(number)["response"]["body"]
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def lines(number: int) -> list[bytes]:
    """The lines of a watch; the server's end of it is the end of the list."""
    stream = recorded(number)["response"]["stream"]
    return [json.dumps(each["line"]).encode() for each in stream if "line" in each]
