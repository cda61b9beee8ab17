"""A review imports no PyTorch: whole processes are asked for what they have imported by their end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ensemble_cam.archive.workers import default_workers
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import phantom_files
from support import films

HEAVY = ("torch", "torchvision", "torchxrayvision", "sklearn", "pytorch_grad_cam")
_ASK = """
import sys, threading
{code}
for thread in threading.enumerate():
    if thread is not threading.current_thread() and not thread.daemon:
        thread.join()
print("imported:", sorted(set({heavy!r}) & set(sys.modules)))
"""
REVIEW = "from ensemble_cam.cli import main; assert main(sys.argv[1:]) == 0"
PYTHON = (
    "import ensemble_cam as ec; review = ec.review(sys.argv[1], set='teaching', top_k=2); review.scores; "
    "review.figure(); review.map(review.findings[0])"
)


def imported(code: str, *arguments: str) -> str:
    """Return what of `HEAVY` a process had imported by its end that ran `code`."""
    command = [sys.executable, "-c", _ASK.format(code=code, heavy=HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    for name, data in phantom_files(draw_phantom(5, size=256), 0).items():
        (folder / name).write_bytes(data)
    return folder / "phantom_000.png"


@pytest.mark.slow
def test_a_review_by_the_teaching_set_from_its_first_start_on(film, tmp_path, monkeypatch):
    monkeypatch.setenv("ENSEMBLE_CAM_CACHE", str(tmp_path / "cache"))
    review = ["review", str(film), "--set", "teaching", "--save-maps", "--summary"]
    for number in range(2):  # compiled, then read back
        assert imported(REVIEW, *review, "--out", str(tmp_path / f"out{number}")) == "imported: []"
    assert imported(PYTHON, str(film)) == "imported: []"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("eigengradcam", ["--aug-smooth"]),
        ("ablationcam", ["--aug-smooth"]),
        ("scorecam", []),  # which runs the network for every channel, and smoothed six times as often
    ],
    ids=["eigengradcam", "ablationcam", "scorecam"],
)
def test_a_review_by_any_method_that_carries_nothing_through_the_backbone(method, more, film, tmp_path):
    review = ["review", str(film), "--set", "teaching", "--method", method, "--top-k", "1", *more]
    assert imported(REVIEW, *review, "--out", str(tmp_path)) == "imported: []"


@pytest.mark.slow
def test_what_needs_pytorch_imports_it(film, tmp_path):
    review = ["review", str(film), "--set", "teaching", "--method", "guidedgradcam", "--top-k", "1"]
    assert imported(REVIEW, *review, "--out", str(tmp_path)).startswith("imported: ['torch'")


@pytest.mark.slow
def test_a_review_by_released_weights_once_they_are_compiled(film, weights_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("ENSEMBLE_CAM_CACHE", str(tmp_path / "cache"))
    review = ["review", str(film), "--classifiers", "densenet121,jfhealthcare", "--weights-dir", str(weights_dir)]
    first = imported(REVIEW, *review, "--out", str(tmp_path / "first"))
    assert first.startswith("imported: ['torch'"), "PyTorch alone reads its files"
    assert imported(REVIEW, *review, "--out", str(tmp_path / "second")) == "imported: []"
    assert len(list((tmp_path / "cache").glob("*.openvino"))) == 2


_RECORDER = """
import os, sys

class Recorder:
    def find_spec(self, name, path=None, target=None):
        if name in {heavy!r}:
            note(name)

def note(what):
    open(os.path.join({folder!r}, f"{{what}}_{{os.getpid()}}"), "w").close()

note("process")
sys.meta_path.insert(0, Recorder())
"""


@pytest.mark.slow
@pytest.mark.parametrize("words", ["archive --workers 2 --scores-only", "archive --workers 2 --maps", "review"])
def test_all_processes_of_a_run_over_many_films(words, tmp_path, monkeypatch):
    for seed in range(12):
        (tmp_path / f"{seed}.png").write_bytes(films.phantom_png(films.film(seed=seed)))
    seen, site = tmp_path / "seen", tmp_path / "site"
    for folder in (seen, site):
        folder.mkdir()
    (site / "sitecustomize.py").write_text(_RECORDER.format(heavy=HEAVY, folder=str(seen)))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)

    command = [*words.split(), str(tmp_path), "--set", "teaching", "--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-m", "ensemble_cam", *command], capture_output=True, check=True)

    names = [path.name.rpartition("_")[0] for path in seen.iterdir()]
    assert set(names) == {"process"}
    is_apart = not words.startswith("review") or default_workers() > 1
    assert len(names) >= 2 + is_apart, "the command, a process with the networks, and its decoder"
