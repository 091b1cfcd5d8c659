"""`python -m bench.resolvers`: what real resolvers ask, without and with the search walk on the node, as a table.

Needs root, for network namespaces. Resolvers that are not installed are named and left out. Ends with 1 if any
resolver finds other addresses with the walk than without.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bench.resolvers.programs import Resolver, resolvers
from bench.resolvers.scene import Outcome, Scene
from tests.support.netns import Namespaces

NAMES = {
    "aliyun.com": "external",
    "web": "service of its namespace",
    "api.billing": "service of another one",
    "missing.example": "missing",
}
WALK = "    autopath @node {\n        manifests MANIFESTS\n    }\n"


def main() -> int:
    """Print the table; returns the exit code."""
    if os.geteuid() != 0:
        print("network namespaces need root")
        return 1
    differences = []
    with tempfile.TemporaryDirectory(prefix="clusterdns-resolvers-") as folder, Namespaces() as namespaces:
        found, missing = resolvers(Path(folder), runtimes=True)
        scene = Scene(namespaces, Path(folder))
        print("| resolver | name | queries sent | upstream | ms | addresses |\n|---|---|---|---|---|---|")
        for resolver in found:
            without, within = (_look_up_all(scene, resolver, walk) for walk in ("", WALK))
            for name, what in NAMES.items():
                before, after = without[name], within[name]
                print(_row(resolver.name, f"{name} ({what})", before, after), flush=True)
                if before.addresses != after.addresses:
                    differences.append(f"{resolver.name}: {name}: {before.addresses} but {after.addresses}")
    if missing:
        print(f"\nNot installed, and left out: {', '.join(missing)}")
    for difference in differences:
        print(difference)
    return 1 if differences else 0


def _look_up_all(scene: Scene, resolver: Resolver, walk: str) -> dict[str, Outcome]:
    """Each name once, by a nodelocal that has nothing cached."""
    scene.start_nodelocal(walk)
    try:
        return {name: scene.look_up(resolver, name) for name in NAMES}
    finally:
        scene.stop_nodelocal()


def _row(resolver: str, name: str, before: Outcome, after: Outcome) -> str:
    cells = [
        resolver,
        name,
        f"{before.client_queries} → {after.client_queries}",
        f"{before.upstream_queries} → {after.upstream_queries}",
        f"{before.microseconds / 1000:.1f} → {after.microseconds / 1000:.1f}",
        str(len(after.addresses)),
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
