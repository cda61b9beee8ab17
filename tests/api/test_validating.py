"""`ec.validate`: the command's figures from Python, its report as PDF, and the model cards' fields."""

import json

import pandas as pd
import pypdfium2
import pytest

import ensemble_cam as ec
from ensemble_cam.cli import main
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.validation.model_card import SCHEMA, card_of

ATLAS = {
    "Name": None,
    "Link": None,
    "Indexing": {"Content", "RadLex", "SNOMED", "Keywords"},
    "Descriptors": {
        *("Authors", "Comments", "Contact", "Date", "Ethical review", "Funding", "License", "Organizations"),
        *("References", "Version"),
    },
    "Model properties": {
        *("Architecture", "Availability", "Clinical benefit", "Clinical workflow phase", "Decision threshold"),
        *("Degree of automation", "Indications for use", "Input", "Instructions", "Limitations", "Output"),
        *("Recommendation", "Regulatory information", "Reproducibility", "Sustainability", "Use", "User"),
    },
    "Imaging": {"Modalities", "Procedures", "File format", "Resolution", "Comments"},
    "Model performance": {"Metrics", "Comments"},
}
"""Fields of ATLAS' schema for models, version 2025-11."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    films = tmp_path_factory.mktemp("films")
    assert main(["phantom", "--out", str(films), "--count", "6", "--size", "256", "--seed", "11"]) == 0
    return films


@pytest.fixture(scope="module")
def labels(folder):
    rows = []
    for path in sorted(folder.glob("phantom_???.json")):
        truth = json.loads(path.read_text())
        planted = {each["label"] for each in truth["findings"]}
        rows += [(truth["film"], label, int(label in planted), f"secret {path.stem}") for label in FINDINGS[:3]]
    return pd.DataFrame(rows, columns=["file", "finding", "label", "patient"])


@pytest.fixture(scope="module")
def found(folder, labels):
    return ec.validate(folder, labels, set="teaching", classifiers=["teaching-resnet"], masks=folder, by="M. Physicist")


def test_figures_are_those_of_the_command(found, folder, labels, tmp_path):
    table = tmp_path / "labels.csv"
    labels.to_csv(table, index=False)
    asked = ["validate", str(folder), "--labels", str(table), "--set", "teaching", "--classifiers", "teaching-resnet"]
    assert main([*asked, "--masks", str(folder), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    record = json.loads((tmp_path / "out" / "validation.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(found.record["findings"])) == record["findings"]
    assert json.loads(json.dumps(found.record["places"])) == record["places"]
    row = found.table.set_index(["finding", "classifier"]).loc[(FINDINGS[0], "teaching-resnet")]
    assert row["auc"] == record["findings"][FINDINGS[0]]["teaching-resnet"]["auc"]
    assert found.failures == ()


def test_what_is_saved_is_the_report_in_all_forms_and_names_nobody(found, tmp_path):
    out = found.save(tmp_path / "out")
    names = {path.name for path in out.iterdir()}
    cards = {"model_card_teaching-resnet.json"}
    assert names == {"validation.json", "operating_points.toml", "report.html", "report.pdf"} | cards
    document = pypdfium2.PdfDocument(out / "report.pdf")
    text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "M. Physicist" in text
    assert "What this does not tell" in text
    flat = "".join(text.split())
    assert all(sha256 in flat for sha256 in found.record["films"]["sha256"])
    for path in out.iterdir():
        assert b"secret" not in path.read_bytes()
    assert "secret" not in text
    with pytest.raises(ec.ConfigError, match="Choose another folder"):
        found.save(out)


def test_cards_have_atlas_fields_and_say_what_is_unknown(found):
    (classifier,) = found.record["classifiers"]
    card = card_of(classifier, found.record)
    assert card["$schema"] == SCHEMA
    for field, content in card["Model"].items():
        assert field in ATLAS
        assert ATLAS[field] is None or set(content) <= ATLAS[field]
    assert card["Model"]["Descriptors"]["Ethical review"] == "Unknown."
    assert "not checked by it" in card["Model"]["Descriptors"]["Comments"]
    assert "never on patients" in card["Model"]["Model properties"]["Limitations"]
    assert "Link" not in card["Model"]  # the teaching set is published nowhere else
    published = classifier | {"weights": "densenet121-res224-all", "model_type": "densenet"}
    model = card_of(published, found.record)["Model"]
    assert model["Link"].startswith("https://github.com/mlmed/torchxrayvision/")
    assert "2111.00595" in model["Descriptors"]["References"][0]["URL"]
    assert (
        found.record["findings"][FINDINGS[0]]["teaching-resnet"]["sentence"] in model["Model performance"]["Comments"]
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sensitivity": 0.9, "alert_rate": 0.1}, "got both"),
        ({"boxes": "a", "masks": "b"}, "got both"),
        ({"alert_rate": 10}, "a share between 0 and 1"),
        ({"prevalence": {"Gout": 0.1}}, "a finding that a classifier knows"),
    ],
)
def test_what_is_not_allowed_is_said_before_a_film_is_read(folder, labels, asked, message):
    with pytest.raises(ec.ConfigError, match=message):
        ec.validate(folder, labels, set="teaching", **asked)


def test_films_whose_scores_mean_nothing_have_no_part(tmp_path, labels):
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8))
    table = pd.DataFrame([("a.png", FINDINGS[0], 1)], columns=["file", "finding", "label"])
    with pytest.raises(ec.ClassifierError, match="No film could be used"):
        ec.validate(tmp_path, table, set="teaching", classifiers=["teaching-resnet"])
