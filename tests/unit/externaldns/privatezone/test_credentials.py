"""Keys that are rotated while we run, and the SDK's chain where the file has none."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from externaldns import flags
from externaldns.assembly import read_account
from externaldns.config import AlibabaCloudConfig, read_alibaba_cloud_config
from externaldns.providers.privatezone.client import SdkApi
from externaldns.providers.privatezone.credentials import FileCredentials, default_chain
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.metadata import MetadataService
from tests.unit.externaldns.emulator.live import KEY, emulator
from tests.unit.externaldns.privatezone.login_doubles import LoginDoubles, serving


def write(path: Path, **keys: str) -> None:
    """Put a new file in place in one step, as the kubelet does with a Secret."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"regionId": "cn-hangzhou", **keys}))
    draft.rename(path)


def test_rotated_keys_are_used_for_the_next_call_and_bad_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "account.json"
    write(path, accessKeyId="old", accessKeySecret="old-secret")
    with emulator(":memory:", "--zone", "demo.internal") as listening:
        endpoint = f"http://127.0.0.1:{listening.api[1]}"
        api = SdkApi(AlibabaCloudConfig("cn-hangzhou", "", "", endpoint=endpoint), FileCredentials(path))
        with pytest.raises(PrivateZoneError, match="InvalidAccessKeyId"):
            api.list_zones("", 1)
        write(path, accessKeyId=KEY[0], accessKeySecret=KEY[1])
        assert [zone.name for zone in api.list_zones("", 1).items] == ["demo.internal"]
        path.write_text("{")
        assert api.list_zones("", 1).total == 1
        assert "the last good keys stay in use" in caplog.text
        write(path, vpcId="vpc-demo")
        assert api.list_zones("", 1).total == 1
        assert "has no accessKeyId any more" in caplog.text
        path.unlink()
        assert api.list_zones("", 1).total == 1


def test_temporary_keys_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    write(path, accessKeyId=KEY[0], accessKeySecret=KEY[1], securityToken="token-1")
    with emulator(":memory:", "--zone", "demo.internal", "--security-token", "token-1") as listening:
        endpoint = f"http://127.0.0.1:{listening.api[1]}"
        api = SdkApi(AlibabaCloudConfig("cn-hangzhou", "", "", endpoint=endpoint), FileCredentials(path))
        assert api.list_zones("", 1).total == 1


def test_the_chain_finds_keys_in_a_credentials_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alibabacloud_credentials.utils import auth_constant, auth_util

    file = tmp_path / "credentials.ini"
    file.write_text(f"[default]\ntype = access_key\naccess_key_id = {KEY[0]}\naccess_key_secret = {KEY[1]}\n")
    monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true")
    monkeypatch.setattr(auth_util, "environment_credentials_file", str(file), raising=False)
    monkeypatch.setattr(auth_constant, "DEFAULT_CREDENTIALS_FILE_PATH", str(file), raising=False)
    with emulator(":memory:", "--zone", "demo.internal") as listening:
        endpoint = f"http://127.0.0.1:{listening.api[1]}"
        api = SdkApi(AlibabaCloudConfig("cn-hangzhou", "", "", endpoint=endpoint), default_chain())
        assert api.list_zones("", 1).total == 1


def test_a_file_without_keys_has_none_and_one_with_half_of_them_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    write(path, vpcId="vpc-1")
    account = read_alibaba_cloud_config(path, "")
    assert (account.access_key_id, account.vpc_id) == ("", "vpc-1")
    write(path, accessKeyId="id")
    with pytest.raises(ConfigError, match="accessKeySecret"):
        read_alibaba_cloud_config(path, "")


NO_FILE = flags.parse(
    ["--source=service", "--provider=alibabacloud", "--policy=sync", "--alibaba-cloud-config-file=",
     "--alibaba-cloud-endpoint=http://127.0.0.1:1"],
    {},
)  # fmt: skip


def test_without_a_file_the_machine_says_which_vpc_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    doubles = LoginDoubles()
    with serving(doubles) as port:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        service = MetadataService(f"http://127.0.0.1:{port}")
        for doubles.session_tokens in (True, False):
            account = read_account(NO_FILE, service)
            assert account == AlibabaCloudConfig("cn-beijing", "", "", "vpc-1", "http://127.0.0.1:1")
        monkeypatch.setenv("ALIBABA_CLOUD_REGION_ID", "cn-shanghai")
        assert read_account(NO_FILE, service).region_id == "cn-shanghai"
        doubles.down = 503
        with pytest.raises(ConfigError, match="name a file with regionId and vpcId"):
            read_account(NO_FILE, service)
        monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
        account = read_account(NO_FILE, service)
        assert account == AlibabaCloudConfig("cn-shanghai", "", "", endpoint="http://127.0.0.1:1")


@pytest.mark.parametrize("answer", [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nvpc"])
def test_a_metadata_service_that_is_none(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                peer, _address = listening.accept()
                with peer:
                    peer.recv(65536)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ConfigError, match="does not say which VPC"):
            read_account(NO_FILE, MetadataService(f"http://127.0.0.1:{listening.getsockname()[1]}"))
        thread.join()
