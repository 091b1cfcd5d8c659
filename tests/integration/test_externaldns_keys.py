"""externaldns whose keys are wrong, or not to be had: it goes on, says once what to mend, works when that is done."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from clusterdns.demo.processes import free_ports
from tests.integration.externaldns_world import KEY_ID, KEY_SECRET, VPC, World, fetch, records, wait_for
from tests.unit.externaldns.privatezone.login_doubles import LoginDoubles, serving


def write_account(folder: Path, **keys: str) -> None:
    """Put the account's file in place in one step, as the kubelet does with a Secret."""
    draft = folder / "account.new"
    draft.write_text(json.dumps({"regionId": "cn-hangzhou", "vpcId": VPC, **keys}))
    draft.rename(folder / "account.json")


@pytest.mark.parametrize(
    ("key", "secret", "code", "advice"),
    [
        ("wrong", KEY_SECRET, "InvalidAccessKeyId.NotFound", "mend accessKeyId in the file"),
        (KEY_ID, "wrong", "SignatureDoesNotMatch", "mend accessKeySecret in the file"),
    ],
)
def test_wrong_keys_are_said_once_and_the_secrets_next_version_is_used(
    world: World, tmp_path: Path, key: str, secret: str, code: str, advice: str
) -> None:
    write_account(tmp_path, accessKeyId=key, accessKeySecret=secret)
    world.put("web", "192.0.2.1")
    (port,) = free_ports(1)
    with world.running("--interval=1s", f"--metrics-address=127.0.0.1:{port}") as process:
        world.relay.wait_for_calls(3)
        health = fetch(port, "/healthz")
        assert health.startswith("OK\n")
        assert f"last failure: PrivateZone DescribeZones: {code}: " in health
        write_account(tmp_path, accessKeyId=KEY_ID, accessKeySecret=KEY_SECRET)
        log = wait_for(process, "names that differed: 1")
        assert world.emulator.rows() == records("web", "192.0.2.1")
        [said] = [line for line in log if "run failed" in line]
        assert f"{code}: " in said
        assert advice in said
        assert "last failure" not in fetch(port, "/healthz")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_service_that_hands_keys_out_may_be_away_for_a_while(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_account(tmp_path)
    world.put("web", "192.0.2.1")
    doubles, (port,) = LoginDoubles(), free_ports(1)
    doubles.keys, doubles.session_tokens, doubles.down = (KEY_ID, KEY_SECRET, ""), False, 503
    with serving(doubles) as service:
        monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", f"http://127.0.0.1:{service}/keys")
        for name in ("ECS_METADATA", "CLI_PROFILE"):
            monkeypatch.setenv(f"ALIBABA_CLOUD_{name}_DISABLED", "true")
        with world.running("--interval=1s", f"--metrics-address=127.0.0.1:{port}") as process:
            before = wait_for(process, "run failed: PrivateZone DescribeZones: NoKeys: ")
            assert "http_code=503" in before[-1]
            assert "put accessKeyId and accessKeySecret into the file" in before[-1]
            assert fetch(port, "/healthz").startswith("OK\n")
            doubles.down = 0
            after = wait_for(process, "names that differed: 1")
            assert not [line for line in before[:-1] + after if "run failed" in line or "Traceback" in line]
            assert world.emulator.rows() == records("web", "192.0.2.1")
