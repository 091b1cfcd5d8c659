"""The recorded answers beside those of a whole server: what is asked about, what upstream has, what is compared."""

from __future__ import annotations

from typing import Any

import dns.flags
import dns.message
import yaml

from tests.support.apiserver import ApiServerDouble
from tests.support.asking import lines, rcode
from tests.support.coredns_answers import FOLDER, POD_ADDRESSES

_SOA = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. …"
_CORRECTIONS: dict[str, dict[str, Any]] = {
    # The client's spelling is kept in the whole owner name, not just up to the first label.
    "WEB.Shop.svc.Cluster.LOCAL A": {"answer": ["WEB.Shop.svc.Cluster.LOCAL. 30 IN A 10.96.1.10"]},
    # Its search walk fails for a name that is the search domain. The namespace exists: NODATA.
    "shop.svc.cluster.local A": {"rcode": "NOERROR", "authoritative": True, "authority": [_SOA]},
}


def corrected(row: dict[str, Any]) -> dict[str, Any]:
    """A recorded answer, put right where CoreDNS was wrong."""
    return row | _CORRECTIONS.get(row["question"], {})


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """What is compared: all but the order of records and the numbers of SOA records."""
    keys = ("rcode", "authoritative", "recursion_available")
    sections = ("answer", "authority", "additional")
    return {key: row[key] for key in keys} | {
        section: sorted(" ".join(line.split()[:6]) if " SOA " in line else line for line in row[section])
        for section in sections
    }


def observed(answer: dns.message.Message) -> dict[str, Any]:
    """An answer as a recorded one."""
    return comparable(
        {
            "rcode": rcode(answer),
            "authoritative": bool(answer.flags & dns.flags.AA),
            "recursion_available": bool(answer.flags & dns.flags.RA),
            "answer": lines(answer, "answer"),
            "authority": lines(answer, "authority"),
            "additional": lines(answer, "additional"),
        }
    )


def documents() -> list[dict[str, Any]]:
    """The recorded manifests, with the addresses that their pods had: a status is not part of a manifest."""
    found = [each for each in yaml.safe_load_all((FOLDER / "cluster.yaml").read_text()) if each]
    for document in found:
        if document["kind"] == "Pod":
            address = POD_ADDRESSES[document["metadata"]["name"]]
            document["status"] = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    return found


def put_into(server: ApiServerDouble) -> None:
    """Have an API server hold the recorded cluster."""
    for document in documents():
        del document["apiVersion"]
        metadata = document.pop("metadata")
        name, namespace = metadata.pop("name"), metadata.pop("namespace", "")
        server.put(document.pop("kind"), name, namespace, metadata=metadata, **document)
