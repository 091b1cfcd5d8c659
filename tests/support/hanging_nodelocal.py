"""nodelocal, which does what real ones do not do when they are told to, but when they are broken.

SIGUSR2: it hangs in the middle of its serving loop. SIGRTMIN: from now on each question raises an exception there.
STEP_SECONDS in the environment: how long a change of rules may take.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from unittest import mock

from clusterdns.directives.dispatch import Dispatcher
from clusterdns.limit import Limit
from nodelocal.service import main


def hang(number: int, frame: FrameType | None) -> None:
    """Never return to the loop."""
    time.sleep(3600)


def fail(number: int, frame: FrameType | None) -> None:
    """Let whatever is asked end in an exception, outside of all that handles exceptions."""
    mock.patch.object(Dispatcher, "_respond", side_effect=RuntimeError("as it was told")).start()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, hang)
    signal.signal(signal.SIGRTMIN, fail)
    if seconds := os.environ.get("STEP_SECONDS"):
        mock.patch("nodelocal.nft.INTERCEPTION_STEP_SECONDS", Limit("", float(seconds), 0, 60, "", "")).start()
    sys.exit(main())
