"""What manifests/README.md shows, and the version that it names."""

from __future__ import annotations

import re
import tomllib

from tests.unit.manifests.documents import MANIFESTS, ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
README = (MANIFESTS / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Its examples in that language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)


SECRETS = {"external-dns-alibaba-cloud": {"alibaba-cloud.json": blocks("json")[0]}}
"""The one Secret that an operator makes, as the README shows it."""
