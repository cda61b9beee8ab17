import json
import time

import pytest

from ensemble_cam.benchmark import viewer as bench_viewer
from ensemble_cam.benchmark import viewer_server as bench_server
from ensemble_cam.benchmark.viewer import as_text, frame_figures
from ensemble_cam.benchmark.viewer_server import note_ends
from ensemble_cam.cli import main
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.ui.session.jobs import JobQueue


def record(**changes) -> dict:
    figures = {
        "frame_ms_median": 16.7,
        "frame_ms_p95": 41.5,
        "frames": 300,
        "moves_per_frame": 2.0,
        "key_to_paint_ms": 22.2,
        "first_view_s": 0.567,
        "bytes_sent": 4_321_000,
        "panels": 4,
        "stage": {"frame_ms_median": 18.2, "frame_ms_p95": 40.0, "key_to_paint_ms": 24.5},
    }
    return {
        "schema": 1,
        "set": "teaching",
        "runs": 5,
        "viewer": {"512": figures, "2048": figures | changes},
        "film_bits": 16,
        "screen": [1920, 1080],
        "load": 0.4,
        "machine": {"processor": "A processor", "cores": 2, "system": "Linux", "software": {"chromium": "150.0"}},
    }


def test_frames_are_told_by_what_lies_between_them():
    # Nineteen intervals of 10 ms and one of 30: the 95th percentile lies a twentieth of the way to the last one.
    times = [1000.0 + 10 * number for number in range(20)]
    assert frame_figures([*times, times[-1] + 30]) == {"frame_ms_median": 10.0, "frame_ms_p95": 11.0}
    assert frame_figures([5, 21, 55]) == {"frame_ms_median": 25.0, "frame_ms_p95": 33.1}
    with pytest.raises(EnsembleCamError, match="drew 2 frames"):
        frame_figures([1, 2])


def test_the_aims_stand_beside_the_figures():
    lines = as_text(record(first_view_s=1.6)).splitlines()
    rows = {line[:32].strip(): " ".join(line[32:].split()) for line in lines if "at most" in line}
    assert rows == {
        "a frame while dragging, median": "16.7 ms 16.7 ms at most 33 ms",
        "95 of 100 within": "41.5 ms 41.5 ms at most 100 ms",
        "key to paint, median": "22.2 ms 22.2 ms at most 60 ms",
        "first view after the analysis": "0.57 s 1.60 s at most 1.50 s",
        "sent until then": "4.32 MB 4.32 MB at most 6 MB",
    }
    assert "one film large: a frame, median     18.2 ms    18.2 ms" in lines
    assert not any("The mouse" in line for line in lines)
    assert (
        as_text(record(moves_per_frame=1.1))
        .splitlines()[-1]
        .startswith("The mouse was no faster than the frames at 2048")
    )


def test_each_work_begins_late_and_notes_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_server, "HOLD", 0.2)
    queue, notes = JobQueue("noted"), tmp_path / "notes"
    note_ends(queue, notes)

    def fails(job):
        raise ValueError("of the work")

    began = time.time()
    jobs = [queue.submit(lambda job: job.report("Working", 0.5) or "done"), queue.submit(fails, wanted=lambda: True)]
    assert all(job.wait(10) for job in jobs)
    ended = [float(line) for line in notes.read_text().splitlines()]
    assert jobs[0].outcome() == "done"
    assert str(jobs[1].outcome()) == "of the work"
    assert (jobs[0].state.what, jobs[0].state.share) == ("Working", 0.5)
    assert [after >= before + 0.19 for before, after in zip([began, *ended], ended, strict=False)] == [True, True]
    assert ended[-1] <= time.time()


@pytest.mark.parametrize(
    ("absent", "sentence"),
    [
        ("shutil.which", "--viewer: no Chromium was found as chromium, chromium-browser, google-chrome. Install one"),
        (
            "ensemble_cam.benchmark.viewer.find_spec",
            "--viewer: Playwright, which drives Chromium, is not installed: pip",
        ),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(absent, sentence, monkeypatch, capsys):
    monkeypatch.setattr(absent, lambda name: None)
    monkeypatch.setattr(bench_viewer, "_serving", None)  # nothing is begun
    assert main(["bench", "--viewer", "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"ensemble-cam: {sentence}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("json_too", [False, True])
def test_the_command_measures_the_viewer_and_nothing_else(json_too, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(bench_viewer, "bench_viewer", lambda **options: asked.append(options) or record())
    monkeypatch.setattr("ensemble_cam.benchmark.speed.bench", None)
    assert main(["bench", "--viewer", "--runs", "2", *(["--json"] if json_too else [])]) == 0
    assert [options["views"] for options in asked] == [2]
    printed = capsys.readouterr()
    assert printed.err == ""
    if json_too:
        assert json.loads(printed.out) == record()
    else:
        assert printed.out.strip() == as_text(record())


@pytest.mark.parametrize("option", [["--set", "teaching"], ["--untrained"], ["--top-k", "3"], ["--weights-dir", "."]])
def test_options_of_the_other_mode_are_refused_beside_it(option, monkeypatch, capsys):
    monkeypatch.setattr(bench_viewer, "bench_viewer", None)
    assert main(["bench", "--viewer", *option]) == 2
    assert f"{option[0]} does not go with --viewer" in capsys.readouterr().err
