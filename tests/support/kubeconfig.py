"""A kubeconfig that leads to a server on loopback."""

from __future__ import annotations

import json
from pathlib import Path


def write_kubeconfig(folder: Path, port: int, token: str = "none") -> str:
    """Write `kubeconfig.json` into the folder; return its path. Its one context is named `double`."""
    path = folder / "kubeconfig.json"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "double",
                "contexts": [{"name": "double", "context": {"cluster": "double", "user": "tester"}}],
                "clusters": [{"name": "double", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "tester", "user": {"token": token}}],
            }
        )
    )
    return str(path)
