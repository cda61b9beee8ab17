"""A review is the one thing that all exports are made from: what they all need is measured for it once."""

import pytest

from ensemble_cam.export.folder import write_review
from ensemble_cam.export.overlays import overlays
from ensemble_cam.maps.regions import extent_of
from ensemble_cam.reviewing import review as reviews
from support.reviews import dotted, made_review


@pytest.fixture
def measured(monkeypatch) -> list[tuple[str, float]]:
    """The label and the threshold of each map that is measured."""
    asked: list[tuple[str, float]] = []
    monkeypatch.setattr(
        reviews,
        "extent_of",
        lambda heat, threshold: asked.append((heat.label, threshold)) or extent_of(heat, threshold),
    )
    return asked


def test_regions_are_those_of_the_maps_at_the_displays_threshold():
    review = made_review(dotted(301, 240, 190, 80), labels=("Mass", "Lung Lesion"))
    assert review.extents == {
        finding.label: {id: extent_of(heatmap, 0.4) for id, heatmap in finding.heatmaps().items()}
        for finding in review.analysis.findings
    }
    with pytest.raises(TypeError):
        review.extents["Mass"] = {}


def test_a_whole_folder_measures_each_map_once_and_overlays_none(measured, tmp_path):
    review = made_review(dotted(301, 240, 190, 80), labels=("Mass", "Lung Lesion", "Pleural_Thickening"))

    list(overlays(review))
    assert measured == []
    write_review(review, tmp_path, "film")

    assert len(measured) == 7
    assert {threshold for _, threshold in measured} == {0.4}
