"""Operating points from a site's films: from their file to the pixels of the figure, and their end with the weights."""

import io
import json
import re
from dataclasses import replace
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from PIL import Image

from ensemble_cam import cli
from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.classifiers.sources import operating_points_of, outputs_of
from ensemble_cam.errors import ClassifierError, ConfigError
from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.record import review_record
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import write_phantom
from ensemble_cam.reviewing.sentences import expired_lines, remarks_line
from ensemble_cam.settings.config import default_config_path, load_config
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.settings.site_points import SitePoints
from ensemble_cam.weights.store import Published
from support.networks import bright_classifier
from support.reviews import made_review

SHA256 = "0" * 64  # of the classifiers made by hand
ID = "teaching-resnet"


def site(points, sha256=SHA256) -> SitePoints:
    return SitePoints(sha256, "2026-03-01", 120, "which films", points)


def made_by_hand() -> Classifier:
    """A classifier that calls every film with a Mass, whose weights bear a released name."""
    made = bright_classifier("fine", logits={"Mass": 0.5})
    return replace(made, weights=WeightsInfo(made.config.default_weight, SHA256, Published.YES))


def with_points(made: Classifier) -> Classifier:
    config = replace(made.config, site_points=site({"Mass": 0.9}))
    return replace(made, config=config, operating_points={"Mass": 0.9})


def text(sha256: str, points: str = "Effusion = 0.999999", id: str = ID) -> str:
    head = f'[{id}]\nweights_sha256 = "{sha256}"\ndate = "2026-03-01"\nn = 120\nfilms = "f"\n'
    return f"{head}\n[{id}.points]\n{points}\n"


def configured(folder, points: str) -> object:
    (folder / "points.toml").write_text(points, encoding="utf-8")
    default = default_config_path().read_text(encoding="utf-8")
    head = f"[classifiers.{ID}]\n"
    assert head in default
    (folder / "site.toml").write_text(default.replace(head, f'{head}operating_points = "points.toml"\n'))
    return folder / "site.toml"


def weights_of(config) -> str:
    classifier = config.classifier(ID)
    return classifier.sha256[classifier.default_weight]


@pytest.mark.slow
def test_points_of_a_file_decide_what_is_called_until_the_weights_are_others(own_home, tmp_path, capsys):
    write_phantom(draw_phantom(seed=5, size=256, findings=["Effusion"], difficulty=0), tmp_path / "films", 0)
    film, sha256 = tmp_path / "films" / "phantom_000.png", weights_of(load_config())
    records, warned = {}, {}
    for name, of in {"plain": None, "site": sha256, "expired": "f" * 64}.items():
        out = tmp_path / name
        given = [] if of is None else ["--config", str(configured(tmp_path, text(of)))]
        arguments = ["review", str(film), "--set", "teaching", "--labels", "Effusion", "--out", str(out), *given]
        assert cli.main(arguments) == 0
        folder = next(path for path in out.iterdir() if path.is_dir())
        records[name] = json.loads((folder / "review.json").read_text(encoding="utf-8"))
        info = Image.open(folder / "review.png").text
        warned[name] = info.get("Warning", "")
        said = capsys.readouterr().out
        told = {"plain": "Teaching ResNet (teaching-resnet)", "site": "points of 2026-03-01, n 120)"}
        assert told.get(name, "are of other weights and not used)") in said
        assert ("2026-03-01, n 120" in info["Classifiers"]) is (name == "site")
    of = {name: next(c for c in each["classifiers"] if c["id"] == ID) for name, each in records.items()}
    assert [of[name]["operating_points_source"] for name in of] == ["published", "site", "published"]
    assert [of[name].get("site_points", {}).get("expired") for name in of] == [None, False, True]
    assert of["site"]["operating_points"] == {"Effusion": 0.999999}
    scores = {name: each["findings"][0]["scores"][ID] for name, each in records.items()}
    assert scores["expired"] == scores["plain"]
    assert scores["site"] < scores["plain"]
    others = {name: {k: v for k, v in of[name]["scores"].items() if k != "Effusion"} for name in of}
    assert others["site"] == others["plain"]  # findings without a point of the site's keep theirs
    assert warned["expired"].startswith(
        "Teaching ResNet: the site's operating points of 2026-03-01 are of other weights"
    )
    assert warned["plain"] == warned["site"] == ""


def test_a_call_turns_with_the_point_and_so_do_the_figures_pixels():
    plain = made_by_hand()
    moved = with_points(plain)
    expired = replace(plain, config=replace(plain.config, site_points=site({"Mass": 0.9}, "f" * 64)))
    reviews = [made_review(classifiers=[each]) for each in (plain, moved, expired)]
    calls = [each.analysis.findings[0].call.value for each in reviews]
    assert calls == ["called", "not called", "called"]
    assert [each.analysis.results[0].classifier.operating_points_source for each in reviews] == [
        "published",
        "site",
        "published",
    ]
    said = [remarks_line(each.analysis) for each in reviews]
    assert said[0] == said[2] == ""
    assert said[1].startswith("Fine: the site's operating points of 2026-03-01, n 120, without one for Atelectasis")
    assert [bool(expired_lines(each.analysis)) for each in reviews] == [False, False, True]
    assert reviews[2].warnings[0].startswith("Fine: the site's operating points of 2026-03-01 are of other weights")
    heights = []
    for each in reviews:
        picture = np.asarray(Image.open(io.BytesIO(figure_png(each))))
        # The warning's ink: dark red on white paper.
        red = (picture[:, :, 0].astype(int) - picture[:, :, 1] > 60) & (picture[:, :, 2] < 120)
        heights.append(int(red.any(axis=1).sum()))
    assert heights[0] < heights[1]
    assert heights[0] < heights[2]


def test_points_hold_for_their_weights_alone_and_leave_the_others_as_published():
    config = load_config().classifier("densenet121")
    name = config.default_weight
    published = FAMILIES["densenet"].operating_points(name)
    info = WeightsInfo(name, SHA256, Published.YES)
    own = replace(config, site_points=site({"Effusion": 0.25}))
    assert operating_points_of(own, info, None) == {**published, "Effusion": 0.25}
    other = replace(info, sha256="1" * 64)
    assert operating_points_of(own, other, None) == published
    seeded = WeightsInfo("untrained", None, Published.NO)
    assert operating_points_of(own, seeded, None) is None
    strange = replace(config, site_points=site({"Elbow": 0.25}))
    with pytest.raises(ClassifierError, match="given for Elbow, which it does not know"):
        operating_points_of(strange, info, None)


def test_a_family_without_published_points_knows_the_findings_that_have_one():
    config = load_config().classifier("jfhealthcare")
    info = WeightsInfo(config.default_weight, SHA256, Published.YES)
    own = replace(config, site_points=site({"Effusion": 0.25, "Edema": 0.5}))
    points = operating_points_of(own, info, None)
    assert points == {"Effusion": 0.25, "Edema": 0.5}
    assert set(outputs_of(own, info, points)) == {"Effusion", "Edema"}
    assert outputs_of(config, info, None) == config.family.outputs(info.name)


FAULTS = [
    (text(SHA256, id="densenet121"), r"points\.toml: it has no points of teaching-resnet, but of densenet121\."),
    (text("12"), r"points\.toml, \[teaching-resnet\] weights_sha256: got \"12\"; allowed: 64 hexadecimal digits\."),
    (text(SHA256).replace("n = 120\n", ""), r"\[teaching-resnet\] n: the key is missing; allowed: a whole number .+"),
    (text(SHA256).replace("120", "0"), r"\[teaching-resnet\] n: got 0; allowed: a whole number of at least 1\."),
    (text(SHA256).replace("2026-03-01", "today"), r"date: got \"today\"; allowed: a day such as 2026-03-01\."),
    (text(SHA256, "Effusion = 1"), r"points Effusion: got 1; allowed: a number between 0 and 1, neither of them\."),
    (text(SHA256, ""), r"points: got \{\}; allowed: a table of one probability by label or more\."),
    (text(SHA256).replace("films", "flims"), r"got the unknown key \"flims\"; allowed: .+ Did you mean \"films\"\?"),
    ("no toml", r"points\.toml: not valid TOML: .+"),
]


@pytest.mark.parametrize(("written", "words"), FAULTS)
def test_faults_of_the_file_are_told_with_their_place(written, words, tmp_path):
    path = configured(tmp_path, written)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    where = r"site\.toml, \[classifiers\.teaching-resnet\] operating_points: "
    assert re.match(where, str(caught.value))
    assert re.search(words, str(caught.value))


def test_record_with_points_of_the_site_keeps_the_schema():
    plain = made_by_hand()
    moved = with_points(plain)
    schema = json.loads((files("ensemble_cam.export") / "review.schema.json").read_text(encoding="utf-8"))
    record = review_record(made_review(classifiers=[moved]))
    jsonschema.validate(record, schema)
    assert record["classifiers"][0]["site_points"]["n"] == 120
