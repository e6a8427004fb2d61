"""The compose files, the units of systemd and the proxies' files, with what there is to check them.

Docker is not needed: the compose files are parsed, and what they start is compared with the image
and the options of the service.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from guanxi.service.configuration import configured
from guanxi.service.options import OPTIONS
from guanxi.stores.postgresql.doctor import SETTINGS
from tests.deploy.test_image import of, only

_RECOVERY = "citus.recover_2pc_interval"
DEPLOY = Path(__file__).parents[2] / "deploy"
VARIABLES = {option.variable for option in OPTIONS.values()} | {"GUANXI_CONFIG"}
#: The keys of a service that the compose specification has, as far as ours use them.
KEYS = {
    *("build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck"),
    *("image", "init", "ports", "read_only", "restart", "secrets", "security_opt"),
    *("stop_grace_period", "tmpfs", "volumes"),
}


def compose(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text("utf-8"))
    return read


@pytest.mark.parametrize("name", ["compose.yaml", "compose-citus.yaml"])
def test_a_compose_file_names_only_what_it_has(name: str) -> None:
    read = compose(name)
    assert {key for key in read if not key.startswith("x-")} <= {"services", "secrets", "volumes"}
    for service in read["services"].values():
        assert service.keys() <= KEYS
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            known = source in read["volumes"] or (DEPLOY / source).exists()
            assert known, source
        for other in service.get("depends_on", ()):
            assert "healthcheck" in read["services"][other]
        for secret in service.get("secrets", ()):
            assert secret in read["secrets"]
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "no port is open to other machines"


def test_the_service_of_compose_is_the_image() -> None:
    service = compose("compose.yaml")["services"]["guanxi"]
    assert service["environment"].keys() <= VARIABLES
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert service["read_only"] is True
    targets = {volume.split(":")[1] for volume in service["volumes"]}
    assert {only("VOLUME"), service["environment"]["GUANXI_CONFIG"]} == targets
    container_ports = {port.rpartition(":")[2] for port in service["ports"]}
    assert container_ports == {only("EXPOSE"), "8002"}


def test_the_image_sets_options_that_there_are() -> None:
    names = set(re.findall(r"GUANXI_\w+", only("ENV")))
    assert names <= VARIABLES
    environ = dict(re.findall(r"(GUANXI_\w+)=(\S+)", only("ENV")))
    configuration = configured(environ=environ)
    assert (configuration["port"], configuration["workers"]) == (8000, 2)
    assert of("EXPOSE") == ["8000"]


def test_the_file_of_options_is_valid() -> None:
    configuration = configured(file=DEPLOY / "guanxi.toml", environ={})
    assert configuration["workers"] == 2
    assert configuration.warnings == ()
    commented = (DEPLOY / "guanxi.toml").read_text("utf-8")
    for key in re.findall(r"^# (\w+) =", commented, re.M):
        assert {key, f"limits.{key}"} & OPTIONS.keys()


def test_citus_joins_by_a_service_that_stays() -> None:
    """``up --wait`` fails if a service ends."""
    join = compose("compose-citus.yaml")["services"]["join"]
    [script] = join["command"]
    assert script.rstrip().endswith("&& exec sleep infinity")
    assert "touch /tmp/joined" in script
    assert join["healthcheck"]["test"] == ["CMD", "test", "-e", "/tmp/joined"]
    syntax = subprocess.run(["sh", "-n", "-c", script], capture_output=True, check=False)
    assert syntax.returncode == 0, syntax.stderr


def test_the_nodes_have_the_settings_that_the_doctor_wants() -> None:
    command = compose("compose-citus.yaml")["services"]["worker-1"]["command"]
    assert command[::2] == ["-c"] * (len(command) // 2)
    given = dict(one.split("=") for one in command[1::2])
    milliseconds = re.sub(r"(\d+)s", lambda found: f"{found[1]}000", given.pop(_RECOVERY))
    given[_RECOVERY] = milliseconds
    wanted = [one for one in SETTINGS if one.only_citus]
    assert {one.name for one in wanted} < given.keys()
    assert all(one.fits(given[one.name], given) for one in wanted)


def test_the_password_of_the_nodes_is_in_no_address() -> None:
    for service in compose("compose-citus.yaml")["services"].values():
        for key, value in service.items():
            assert key == "environment" or "PASSWORD" not in str(value)


def unit(name: str) -> dict[str, list[str]]:
    """Return the values of a unit's keys."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_sets_options_that_there_are() -> None:
    service = unit("guanxi.service")
    assert {one.partition("=")[0] for one in service["Environment"]} <= VARIABLES
    assert service["ExecStart"] == ["/opt/guanxi/bin/guanxi serve --config /etc/guanxi/guanxi.toml"]
    assert unit("guanxi.socket")["ListenStream"] == ["127.0.0.1:8000"]
    folder = f"/var/lib/{service['StateDirectory'][0]}"
    assert service["WorkingDirectory"] == [folder]
    assert f"GUANXI_STORE={folder}/guanxi.db" in service["Environment"]


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is installed here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text("utf-8").replace("/opt/guanxi/bin/guanxi", sys.executable)
        (tmp_path / path.name).write_text(text, "utf-8")
    return tmp_path


def analyze(*argv: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_systemd_finds_nothing_wrong(units: Path) -> None:
    for name in ("guanxi.service", "guanxi.socket"):
        found = analyze("verify", "--man=no", units / name)
        ours = [line for line in found.stderr.splitlines() if "guanxi" in line]
        assert (found.returncode, ours) == (0, [])


def test_the_unit_is_hardened(units: Path) -> None:
    """systemd's own measure of exposure, from 0 to 10: below 2 is its "OK"."""
    found = analyze("security", "--offline=yes", "--threshold=20", units / "guanxi.service")
    assert found.returncode == 0, found.stdout
