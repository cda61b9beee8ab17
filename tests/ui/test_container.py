"""The container file, where no builder is: its words, and its steps and start in an empty root."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from ensemble_cam.settings.config import default_config_path
from ensemble_cam.ui.web.guard import NOBODY
from support.asking import ask
from support.containers import MAY_CHANGE_ROOT, environment_of, in_own_root, run_of, steps_of, words_of

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
STEPS = steps_of(DEPLOY / "Containerfile")
SOURCE = Path(__file__).parents[2]
KEPT = [line[1:] for line in (DEPLOY / "Containerfile.dockerignore").read_text().splitlines() if line[0] == "!"]
LOGIN = '\n[login]\nby = "proxy"\nproxy = ["192.0.2.1"]\n'


def texts(word: str) -> list[str]:
    return [step.text for step in STEPS if step.word == word]


def test_it_runs_as_nobody_of_any_right_and_says_how_it_is():
    assert texts("USER") == ["10001:10001"]
    assert not re.search(r"USER (root|0)\b", (DEPLOY / "Containerfile").read_text())
    assert [step.word for step in STEPS].index("USER") < [step.word for step in STEPS].index("ENTRYPOINT")
    assert "--start-period=90s" in texts("HEALTHCHECK")[0]
    assert "/weights" in words_of(STEPS, "VOLUME")


def test_it_names_no_index_and_says_so_before_it_fetches_anything():
    assert "TORCH_INDEX" in texts("ARG")
    assert not re.search(r"https?://(?!127\.0\.0\.1)", (DEPLOY / "Containerfile").read_text())
    asks = texts("RUN")[0]
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", asks], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "TORCH_INDEX=…" in done.stderr
    assert subprocess.run(["sh", "-c", asks], env=bare | {"TORCH_INDEX": "x"}, check=False).returncode == 0


def test_what_it_copies_is_there_and_no_more_than_the_package_needs():
    assert all((SOURCE / each).exists() for each in KEPT)
    project = (SOURCE / "pyproject.toml").read_text()
    needed = re.findall(r'^"([^"]+)" = "ensemble_cam/', project, re.MULTILINE)
    assert set(needed) | {"src", "pyproject.toml", "README.md", "LICENSE"} == set(KEPT)


def test_it_asks_for_the_pytorch_that_the_package_does():
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    needed = {each for each in project["dependencies"] if re.match("torch(vision)?[^a-z]", each)}
    (asked,) = (text for text in texts("RUN") if "$TORCH_INDEX" in text and "pip install" in text)
    assert set(shlex.split(asked)[-2:]) == needed


def stand_in(index: Path, name: str, version: str) -> None:
    """Put a package that holds nothing into an index: what is asked for is found, and not fetched."""
    folder, info = index / name, f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')


@pytest.mark.slow
@pytest.mark.skipif(not MAY_CHANGE_ROOT, reason="this machine gives a test no root of its own")
@pytest.mark.skipif(find_spec("ensurepip") is None, reason="this machine's Python makes no environments with pip")
def test_its_steps_run_in_an_empty_root_and_it_starts_there_as_that_user_over_a_root_that_is_only_read(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling, which builds the package, is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    config = tmp_path / "shared.toml"
    config.write_text(default_config_path().read_text() + LOGIN)
    root, context, index = (tmp_path / name for name in ("root", "context", "index"))
    root.mkdir()
    for each in KEPT:
        (context / each).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (SOURCE / each).is_dir() else shutil.copy
        copy(SOURCE / each, context / each)
    stand_in(index, "torch", "2.10.0")
    stand_in(index, "torchvision", "0.25.0")
    # What the package needs is this machine's, so that nothing is fetched; the package itself is what was built.
    machine = {"PYTHONPATH": ":".join(sys.path[1:]), "LANG": "C.UTF-8"}
    told = machine | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "TORCH_INDEX": "file:///index"}
    told |= {"HOME": "/tmp", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    environment = environment_of(STEPS) | machine
    environment["PATH"] += ":/usr/bin:/bin"
    start = [*words_of(STEPS, "ENTRYPOINT"), *words_of(STEPS, "CMD")]
    start[start.index("8501")] = port
    inside = shlex.join(
        [
            *("setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs", "--bounding-set=-all"),
            *("env", "-i", *(f"{name}={value}" for name, value in environment.items()), "sh", "-c"),
            "cd /tmp; id -u; touch /written 2>&1; touch /weights/written 2>&1;"
            ' python -c "import ensemble_cam; print(ensemble_cam.__file__)"; exec "$@"',
            *("sh", *start),
        ]
    )
    script = f"""
cp -r {index} {root}/index
{run_of(STEPS, root, context, told)}
rm -r {root}/build {root}/index
cp {config} {root}/etc/ensemble-cam/shared.toml
chmod 644 {root}/etc/ensemble-cam/shared.toml
for each in session cache; do
    mount --bind {root}/$each {root}/$each
done
mount -o remount,bind,ro {root}
echo BUILT
exec chroot {root} {inside}
"""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(in_own_root(root, script), stdout=stream, stderr=stream, start_new_session=True)
    try:
        health = environment["HEALTH"].replace("8501", port)
        until = time.monotonic() + 300
        while time.monotonic() < until:
            try:
                answer = urllib.request.urlopen(health, timeout=4).read()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        assert answer == b"ok", log.read_text()
        assert ask(f"http://127.0.0.1:{port}").body == f"{NOBODY.sentence}\n"
        _, _, told_at_start = log.read_text().partition("BUILT\n")
        assert told_at_start.splitlines()[0] == "10001"
        assert told_at_start.count("touch: ") == 2  # neither the root nor the weights
        assert "\n/opt/ensemble-cam/lib/" in told_at_start
        assert "The session is kept" in told_at_start
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    assert "Traceback" not in log.read_text(), log.read_text()
