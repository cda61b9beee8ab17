"""Two builds side by side: what a command and its children cost, and whether two folders of reviews are the same.

A small form of `benchmarks/against.py`, on commands of a moment.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from against import Build, Outcome, builds, compared, in_turn, table
from PIL import Image
from processes import Family, cost_of, memory, processor_seconds

needs_proc = pytest.mark.skipif(
    not os.path.exists("/proc/self/stat"), reason="the system does not say what a process uses"
)

WORK = "import time\nwhile time.process_time() < .3: pass\n"
HOLD = "held = b'x' * 2**26\n"  # 64 MiB, each page of them written to
IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}], check=True)"


@needs_proc
def test_processor_seconds_are_those_of_a_process_and_of_what_it_started():
    start = IN_A_CHILD.format(f"{WORK}print(flush=True); input()")
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        used = processor_seconds(process.pid)
        process.communicate(b"\n")
    assert used >= 0.25  # ticks of a hundredth, each kind rounded down


def test_processor_seconds_of_no_process_are_not_known():
    assert processor_seconds(None) is None


@needs_proc
def test_memory_is_that_of_a_process_and_of_what_it_started():
    start = IN_A_CHILD.format(f"{HOLD}print(flush=True); input()")
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        held, members = memory(process.pid), Family(process.pid).members()
        process.communicate(b"\n")
    assert len(members) == 2
    assert 2**26 < held < 2**26 * 1.5


@needs_proc
def test_a_child_whose_parent_has_ended_still_belongs():
    orphan = "print(flush=True); input()"
    middle = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {orphan!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(os.getpid(), flush=True); child.wait()"
    )
    start = IN_A_CHILD.format(middle).replace("check=True", "check=False") + "; input()"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        pid = int(process.stdout.readline())
        family = Family(process.pid)
        members = family.members()
        assert {process.pid, pid} < members
        assert len(members) == 3
        os.kill(pid, signal.SIGKILL)
        while (left := family.members()) == members:
            pass
        process.communicate(b"\n\n")
    assert left == members - {pid}


@needs_proc
def test_a_commands_cost_counts_its_children(tmp_path):
    cost = cost_of([sys.executable, "-c", IN_A_CHILD.format(WORK)], folder=tmp_path)
    assert cost.processor >= 0.25
    assert cost.seconds >= 0.25
    assert cost.peak is None


@needs_proc
def test_a_commands_peak_is_what_it_and_its_children_held_together(tmp_path):
    # Both hold theirs at once, until the outer one has seen its child hold it, and ten looks later.
    child = f"{HOLD}print(flush=True); input()"
    outer = (
        f"import subprocess, sys, time\n{HOLD}"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); time.sleep(.5); child.communicate(b'\\n'); del held"
    )
    cost = cost_of([sys.executable, "-c", outer], folder=tmp_path, look=True)
    assert 2 * 2**26 < cost.peak < 2 * 2**26 * 1.5


@needs_proc
def test_a_command_that_fails_ends_all_with_what_it_said(tmp_path):
    with pytest.raises(SystemExit, match=r"ended with 3:\nno such film$"):
        cost_of([sys.executable, "-c", "print('no such film', flush=True); raise SystemExit(3)"], folder=tmp_path)


def test_builds_run_in_turn_and_ratios_are_those_of_medians():
    pair = [Build(name, Path(), Path(), Path()) for name in ("before", "now")]
    figures = {"before": iter([4.0, 400.0, 6.0]), "now": iter([1.0, 2.0, 3.0])}
    order, outcome = [], Outcome()

    def run(build: Build) -> dict[str, float]:
        order.append(build.name)
        return {"wall time, s": next(figures[build.name])}

    in_turn(pair, run, 3, outcome)
    assert order == ["before", "now", "now", "before", "before", "now"]
    assert outcome.medians() == {"wall time, s": (6.0, 2.0, 2.0 / 6.0)}
    outcome.same.append("All is the same.")
    assert [line.split() for line in table({"one": outcome})] == [
        ["median", "of", "before", "now", "ratio"],
        ["one", "wall", "time,", "s", "6.00", "2.00", "0.33"],
        ["All", "is", "the", "same."],
    ]


def written(folder: Path, *, level: int = 7, score: float = 0.25, labels: tuple[str, ...] = ("Mass", "Nodule")) -> Path:
    """A folder with one review: a picture of 3 by 2 pixels, one of which has `level`, and a record with scores."""
    (folder / "film").mkdir(parents=True)
    levels = np.zeros((2, 3, 3), np.uint8)
    levels[1, 2, 0] = level
    Image.fromarray(levels).save(folder / "film" / "review.png")
    findings = [{"label": each, "rank": place, "score": score} for place, each in enumerate(labels)]
    record = {"classifiers": [{"id": "a", "scores": {"Mass": 0.5}, "seconds": score}], "findings": findings}
    (folder / "film" / "review.json").write_text(json.dumps(record))
    return folder


def test_reviews_that_are_the_same_are_told_so(tmp_path):
    assert compared(written(tmp_path / "one"), written(tmp_path / "other", labels=("Nodule", "Mass"))) == [
        "PNGs: 1 are equal in all of 6 pixels.",
        "Scores: 3 differ by 0 at most.",
    ]


def test_pixels_and_scores_that_differ_are_counted(tmp_path):
    other = written(tmp_path / "other", level=5, score=0.375, labels=("Mass",))
    (other / "film" / "new.png").write_bytes((other / "film" / "review.png").read_bytes())
    assert compared(written(tmp_path / "one"), other) == [
        "Files: 1 were written by one build alone.",
        "PNGs: 1 of 1 differ, in 1 of 6 pixels, by 2 levels at most.",
        "Scores: 2 differ by 0.12 at most; 1 are in the record of one build alone.",
    ]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_revision_that_git_does_not_know_is_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="git knows no revision nowhere here"), builds("nowhere", tmp_path):
        pass
