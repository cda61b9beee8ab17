"""The live viewer's measurement, as `ensemble-cam bench --viewer` makes it."""

import json
import os

from ensemble_cam.benchmark import viewer as bench_viewer
from ensemble_cam.classifiers.compilation import CACHE_VARIABLE
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.ui.scripts import linked
from ensemble_cam.ui.viewer.payload import FilmPart
from support.browsing import needs_chromium

pytestmark = needs_chromium

PROMISED = {"frame_ms_median", "frame_ms_p95", "key_to_paint_ms", "first_view_s", "bytes_sent"}


def test_the_live_viewer_is_measured_and_the_readers_home_is_left_alone(own_home, monkeypatch):
    monkeypatch.setattr(bench_viewer, "_PRESSES", 3)
    kept, environment = {CACHE_VARIABLE: os.environ[CACHE_VARIABLE]}, bench_viewer._environment
    monkeypatch.setattr(bench_viewer, "_environment", lambda home: environment(home) | kept)  # compiled before
    steps = []

    def report(what, share):
        steps.append(what)

    measured = bench_viewer.bench_viewer(sides=(512,), views=1, drag_seconds=1, report=report)
    assert set(measured["viewer"]) == {"512"}
    figures = measured["viewer"]["512"]
    assert set(figures) >= PROMISED
    assert figures["panels"] == 4
    assert figures["frames"] > 2
    assert 0 < figures["frame_ms_median"] <= figures["frame_ms_p95"]
    assert figures["key_to_paint_ms"] > 0
    assert 0 < figures["stage"]["frame_ms_median"] <= figures["stage"]["frame_ms_p95"]
    assert figures["stage"]["key_to_paint_ms"] > 0
    assert figures["first_view_s"] > 0
    film = FilmPart.of(read_radiograph(bench_viewer._film(512, bench_viewer._SEED)))
    once = sum(map(len, film.blobs.values()))
    # Alone, and with its maps, and not a third time; beside the maps, the page and the viewer's code, which Streamlit
    # sends whenever it draws the viewer.
    code = len(linked("viewer/viewer.js").encode())
    assert 2 * once + 2 * code < figures["bytes_sent"] < 2 * once + 4 * code < 3 * once + 2 * code
    assert set(measured["machine"]["software"]) == {"ensemble-cam", "streamlit", "playwright", "chromium"}
    assert json.loads(json.dumps(measured)) == measured
    assert "512 pixels: dragging the threshold" in steps
    assert list(own_home.iterdir()) == []
