"""nodelocal, which hangs in the middle of its serving loop when SIGUSR2 tells it to."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from nodelocal.service import main


def hang(number: int, frame: FrameType | None) -> None:
    """Never return to the loop."""
    time.sleep(3600)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, hang)
    sys.exit(main())
