"""The container file, where no builder is: its words, and its steps and start in an empty root."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from ensemble_cam.settings.config import default_config_path
from ensemble_cam.ui.web.guard import NOBODY
from support.asking import ask
from support.containers import MAY_CHANGE_ROOT, environment_of, in_own_root, steps_of, words_of

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
STEPS = steps_of(DEPLOY / "Containerfile")
SOURCE = Path(__file__).parents[2]
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
    kept = [line[1:] for line in (DEPLOY / "Containerfile.dockerignore").read_text().splitlines() if line[0] == "!"]
    assert all((SOURCE / each).exists() for each in kept)
    project = (SOURCE / "pyproject.toml").read_text()
    needed = re.findall(r'^"([^"]+)" = "ensemble_cam/', project, re.MULTILINE)
    assert set(needed) | {"src", "pyproject.toml", "README.md", "LICENSE"} == set(kept)


@pytest.mark.slow
@pytest.mark.skipif(not MAY_CHANGE_ROOT, reason="this machine gives a test no root of its own")
def test_it_starts_as_that_user_over_a_root_that_is_only_read(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    config = tmp_path / "shared.toml"
    config.write_text(default_config_path().read_text() + LOGIN)
    root = tmp_path / "root"
    root.mkdir()
    environment = environment_of(STEPS) | {"PYTHONPATH": str(SOURCE / "src"), "LANG": "C.UTF-8"}
    environment["PATH"] += ":/usr/bin:/bin"
    (made,) = (text for text in texts("RUN") if text.startswith("install -d"))
    start = [*words_of(STEPS, "ENTRYPOINT"), *words_of(STEPS, "CMD")]
    start[start.index("8501")] = port
    inside = shlex.join(
        [
            *("setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs", "--bounding-set=-all"),
            *("env", "-i", *(f"{name}={value}" for name, value in environment.items()), "sh", "-c"),
            'cd /tmp; id -u; touch /written 2>&1; touch /weights/written 2>&1; exec "$@"',
            *("sh", *start),
        ]
    )
    script = f"""
mkdir -p {root}/opt/ensemble-cam/bin
printf '#!/bin/sh\\nexec {sys.executable} -m ensemble_cam "$@"\\n' > {root}/opt/ensemble-cam/bin/ensemble-cam
chmod 755 {root}/opt/ensemble-cam/bin/ensemble-cam
chroot {root} sh -c {shlex.quote(made)}
cp {config} {root}/etc/ensemble-cam/shared.toml
chmod 644 {root}/etc/ensemble-cam/shared.toml
for each in session cache; do
    mount --bind {root}/$each {root}/$each
done
mount -o remount,bind,ro {root}
exec chroot {root} {inside}
"""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            in_own_root(root, script, source=SOURCE), stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        health = environment["HEALTH"].replace("8501", port)
        until = time.monotonic() + 90
        while time.monotonic() < until:
            try:
                answer = urllib.request.urlopen(health, timeout=4).read()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        assert answer == b"ok", log.read_text()
        assert ask(f"http://127.0.0.1:{port}").body == f"{NOBODY.sentence}\n"
        told = log.read_text()
        assert told.splitlines()[0] == "10001"
        assert told.count("touch: ") == 2  # neither the root nor the weights
        assert "The session is kept" in told
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    assert "Traceback" not in log.read_text(), log.read_text()
