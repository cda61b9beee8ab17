"""The unit of systemd: read by systemd itself where that is installed, and held to the command line and the manual."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from ensemble_cam import cli

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "examples" / "deploy" / "ensemble-cam.service"
ABOUT = (ROOT / "docs" / "hospital" / "containers.md").read_text()
FOLDERS = {"%S": "/var/lib", "%C": "/var/cache", "%E": "/etc"}  # systemd.unit(5), of the system's own units
LINES = [line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#")]


def values(key: str) -> list[str]:
    return [value for name, value in LINES if name == key]


def expanded(value: str) -> str:
    for specifier, folder in FOLDERS.items():
        value = value.replace(specifier, folder)
    return value


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_every_line(tmp_path):
    copy = tmp_path / UNIT.name
    (program,) = {command.split()[0] for command in values("ExecStart")}
    copy.write_text(UNIT.read_text().replace(program, "/bin/true"))  # the program is not installed there
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # a key that it does not know is a warning


def test_it_starts_the_app_as_the_command_line_would():
    (command,) = values("ExecStart")
    given = cli.parser().parse_args(shlex.split(expanded(command))[1:])
    assert given.no_browser
    assert str(given.session) == "/var/lib/ensemble-cam/session"
    assert str(given.config) == "/etc/ensemble-cam/shared.toml"
    assert given.address is None  # this machine's own, as the proxy is on it


def test_what_it_writes_lies_in_folders_that_it_has_and_the_manual_names():
    assert values("DynamicUser") == ["yes"]
    assert values("ProtectSystem") == ["strict"]
    writable = {"/var/lib/" + values("StateDirectory")[0], "/var/cache/" + values("CacheDirectory")[0]}
    environment = dict(expanded(value).split("=", 1) for value in values("Environment"))
    (command,) = values("ExecStart")
    words = shlex.split(expanded(command))
    written = [*environment.values(), words[words.index("--session") + 1], *map(expanded, values("WorkingDirectory"))]
    assert all(any(Path(each).is_relative_to(folder) for folder in writable) for each in written)
    read = [expanded(value.removeprefix("-")) for value in values("EnvironmentFile")]
    for each in (*writable, *read, words[words.index("--config") + 1]):
        assert f"`{each}" in ABOUT, each


def test_its_variables_are_the_programs():
    manual = (ROOT / "docs" / "reference" / "environment.md").read_text()
    named = [value.split("=")[0] for value in values("Environment")]
    assert {"ENSEMBLE_CAM_CACHE", "ENSEMBLE_CAM_WEIGHTS"} < set(named)
    assert all(f"## {name}\n" in manual for name in named if name != "HOME")
