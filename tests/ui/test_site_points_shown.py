"""The screen says whose operating points decide, and warns where a site's have ended with its weights."""

from dataclasses import replace

from streamlit.testing.v1 import AppTest

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.settings.site_points import SitePoints
from ensemble_cam.weights.store import Published
from support.networks import bright_classifier
from support.reviews import made_review


def plainly(markdown: str) -> str:
    return markdown.replace("\\", "")


def shown(sha256: str) -> AppTest:
    made = bright_classifier("fine", logits={"Mass": 0.5})
    config = replace(made.config, site_points=SitePoints(sha256, "2026-03-01", 120, "which films", {"Mass": 0.9}))
    weights = WeightsInfo(config.default_weight, "0" * 64, Published.YES)
    analysis = made_review(classifiers=[replace(made, config=config, weights=weights)]).analysis

    def page(analysis):
        from ensemble_cam.ui.review.remarks import show_origin, show_remarks

        show_remarks(analysis)
        show_origin(analysis)

    return AppTest.from_function(page, args=(analysis,), default_timeout=60).run()


def test_points_in_force_stand_beside_the_weights():
    page = shown("0" * 64)
    assert not page.exception
    assert not page.warning
    assert "the site's operating points of 2026-03-01, n 120" in plainly(page.caption[0].value)


def test_points_that_have_ended_are_a_warning():
    page = shown("f" * 64)
    (warning,) = page.warning
    said = plainly(warning.value)
    assert "Fine: the site's operating points of 2026-03-01 are of other weights and not used." in said
    assert "Validate again" in said
