"""`clusterdns`: commands about the suite as a whole. So far there is one, `demo`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from clusterdns import __version__
from clusterdns.daemon import logs
from clusterdns.demo.report import show
from clusterdns.demo.suite import examples_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="clusterdns", description="DNS acceleration suite for Kubernetes")
    parser.add_argument("--version", action="version", version=f"clusterdns {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="show the whole suite at work, on loopback and without privileges")
    demo.add_argument("--once", action="store_true", help="end after the story instead of waiting for Ctrl-C")
    demo.add_argument("--json", action="store_true", help="make the last line JSON")
    demo.add_argument("--examples", metavar="DIR", help="the folder with the demo's cluster, Corefiles and zone")
    options = parser.parse_args(arguments)
    logs.setup("warning")
    return show(examples_folder(options.examples), once=options.once, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
