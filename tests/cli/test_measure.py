"""`ensemble-cam measure` and `ec.measure`, from films to figures and curves."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import t
from torchvision.models import resnet18

import ensemble_cam as ec
from ensemble_cam import cli
from ensemble_cam.export.curves import Panel, Series, Words, curves_png
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import write_phantom
from ensemble_cam.purpose import PURPOSE, TEACHING_LINE
from ensemble_cam.settings.metrics import FAITHFULNESS
from ensemble_cam.settings.sets import NO_PHANTOM
from ensemble_cam.validation.measures import summary
from support import films
from support.own_networks import own_module, write_own
from support.running import loaded_by

pytestmark = pytest.mark.slow

ONE = ("--set", "teaching", "--classifiers", "teaching-resnet")


@pytest.fixture(autouse=True)
def home(own_home) -> Path:
    return own_home


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("measured") / "films"
    for index in range(2):
        write_phantom(draw_phantom(seed=40 + index, size=256, findings=["Effusion"], difficulty=0), folder, index)
    return folder


def rows(out: Path) -> list[dict[str, str]]:
    with open(out / "measures.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_methods_stand_side_by_side_and_a_faithful_map_beats_itself_at_another_place(phantoms, tmp_path, capsys):
    out = tmp_path / "out"
    more = ("--labels", "Effusion", "--methods", "gradcam,layercam")
    assert cli.main(["measure", str(phantoms), *ONE, *more, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "[2/2] phantom_001.png: 2 of 2 maps measured" in said.out
    assert said.err == ""

    found = rows(out)
    assert list(found[0]) == ["film", "finding", "classifier", "method", "metric", "value"]
    values = {(each["film"], each["method"], each["metric"]): float(each["value"]) for each in found}
    assert len(values) == len(found) == 2 * 3 * len(FAITHFULNESS)
    for film in ("phantom_000", "phantom_001"):
        for method in ("gradcam", "layercam"):
            assert values[film, method, "road"] > values[film, "moved", "road"]
            assert values[film, method, "insertion"] > values[film, "moved", "insertion"]
        assert values[film, "moved", "focus"] == pytest.approx(values[film, "gradcam", "focus"], rel=0.2)

    record = json.loads((out / "measures.json").read_text(encoding="utf-8"))
    assert (record["schema"], record["purpose"], record["notice"]) == (1, PURPOSE, TEACHING_LINE)
    assert [each["id"] for each in record["classifiers"]] == ["teaching-resnet"]
    assert all(each["hides"] for each in (*record["metrics"].values(), *record["baselines"].values()))
    first = record["films"][0]["maps"][0]
    assert first["method"] == "gradcam"
    assert values["phantom_000", "gradcam", "road"] == pytest.approx(first["values"]["road"])
    deletion = first["curves"]["deletion"]
    assert deletion["baseline"] == "mean"
    assert np.trapezoid(deletion["logits"], deletion["shares"]) == pytest.approx(first["values"]["deletion"], abs=1e-4)
    assert set(record["films"][0]["seconds"]) == {"deletion", "insertion", "road_most", "road_least", "through"}
    (mean,) = [
        each["mean"]
        for each in record["summary"]
        if (each["finding"], each["method"], each["metric"]) == ("all", "gradcam", "road")
    ]
    assert mean == pytest.approx(sum(values[f"phantom_00{n}", "gradcam", "road"] for n in (0, 1)) / 2, abs=1e-5)

    pictures = sorted(path.name for path in (out / "curves").iterdir())
    assert pictures == [f"phantom_00{n}_Effusion_teaching-resnet.png" for n in (0, 1)]
    text = Image.open(out / "curves" / pictures[0]).text
    assert text["Disclaimer"] == PURPOSE
    assert text["Finding"] == "Effusion"

    assert cli.main(["measure", str(phantoms), *ONE, "--out", str(out), "--quiet"]) == 2
    assert "has measures.csv already" in capsys.readouterr().err


def test_bad_film_is_a_line_and_a_map_without_order_is_named(phantoms, tmp_path, capsys, monkeypatch):
    from ensemble_cam.validation import subjects

    grids = subjects.cam_grids
    monkeypatch.setattr(
        subjects,
        "cam_grids",
        lambda recipe, *given: grids(recipe, *given) * (recipe.method != "gradcam"),
    )
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    (folder / "drawn.png").write_bytes((phantoms / "phantom_000.png").read_bytes())
    (folder / "patient.png").write_bytes(films.png(films.film()))
    more = ("--top-k", "1", "--methods", "gradcam,hirescam", "--metrics", "focus")
    assert cli.main(["measure", str(folder), *ONE, *more, "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr()
    assert re.fullmatch(r"ensemble-cam: broken\.png: .+\n", said.err)
    assert re.search(r"  \w+ by teaching-resnet \(gradcam\): The map is the same everywhere", said.out)
    assert NO_PHANTOM in said.out
    found = rows(tmp_path / "out")
    assert {(each["film"], each["method"]) for each in found} == {
        (film, method) for film in ("drawn", "patient") for method in ("hirescam", "moved")
    }
    record = json.loads((tmp_path / "out" / "measures.json").read_text(encoding="utf-8"))
    assert [each["meaningless"] for each in record["films"]] == [False, True]
    assert "same everywhere" in record["films"][0]["maps"][0]["reason"]
    assert not list((tmp_path / "out" / "curves").iterdir())  # focus has no curve

    assert cli.main(["measure", str(folder / "broken.png"), *ONE, "--out", str(tmp_path / "none"), "--quiet"]) == 3
    assert "No film could be measured, so nothing is written." in capsys.readouterr().err
    assert not list((tmp_path / "none").glob("*"))


def test_a_map_that_asks_no_label_is_named_as_one_that_does_not_change(phantoms, tmp_path, capsys):
    names = "randomisation_head,contrast,stability_jpeg,adversarial"
    more = ("--labels", "Effusion", "--methods", "gradcam,eigencam", "--metrics", names)
    assert cli.main(["measure", str(phantoms / "phantom_000.png"), *ONE, *more, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "  Effusion by teaching-resnet (eigencam) hardly changes: Head shuffled, 1.00\n" in said
    assert "(gradcam) hardly changes" not in said
    found = {(each["method"], each["metric"]): float(each["value"]) for each in rows(tmp_path / "out")}
    assert found["eigencam", "contrast"] == 1
    assert found["gradcam", "randomisation_head"] < 0.9 < found["gradcam", "stability_jpeg"]
    record = json.loads((tmp_path / "out" / "measures.json").read_text(encoding="utf-8"))
    details = record["films"][0]["maps"][0]["details"]
    assert details["randomisation_head"]["repeat"] == 1
    assert set(details["adversarial"]) >= {"benign", "logit", "benign_logit", "grey_levels"}
    assert not any(each["details"] for each in record["films"][0]["maps"] if each["method"] == "moved")


def test_nothing_of_a_header_leaves(tmp_path, capsys):
    (tmp_path / "film.dcm").write_bytes(films.dicom(films.film()))
    assert cli.main(["measure", str(tmp_path / "film.dcm"), *ONE, "--top-k", "1", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(written) == 3
    for secret in films.IDENTITY:
        assert secret not in said.out + said.err
        assert not any(secret.encode() in each for each in written)


def test_any_network_is_measured(phantoms, tmp_path, capsys):
    arguments = ["measure", str(phantoms / "phantom_000.png"), "--network", "torchvision:resnet18"]
    more = [
        "--labels",
        "class_1,class_7",
        "--metrics",
        "deletion,road,randomisation_head,adversarial",
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.main([*arguments, *more]) == 0
    assert "Untrained network" in capsys.readouterr().out
    found = rows(tmp_path / "out")
    assert {each["finding"] for each in found} == {"class_1", "class_7"}
    assert {each["classifier"] for each in found} == {"torchvision:resnet18"}
    own = [each["metric"] for each in found if each["method"] != "moved"]
    assert own == ["deletion", "road", "randomisation_head", "adversarial"] * 2


def test_network_of_the_sites_own_is_measured_without_what_takes_two_parts(phantoms, tmp_path, capsys):
    config = write_own(tmp_path, own_module())
    arguments = ["measure", str(phantoms / "phantom_000.png"), "--set", "site", "--config", str(config)]
    more = ["--top-k", "1", "--metrics", "road,contrast,adversarial", "--out", str(tmp_path / "out"), "--quiet"]
    assert cli.main([*arguments, *more]) == 0
    found = rows(tmp_path / "out")
    assert {each["classifier"] for each in found} == {"own"}
    assert [each["metric"] for each in found] == ["road"] * 2


def test_explanation_is_measured_with_its_network_and_a_review_with_its_classifiers():
    torch.manual_seed(0)
    network = ec.Network(resnet18(num_classes=3).eval(), classes=["a", "b", "c"], input_size=64)
    picture = draw_phantom(seed=3, size=256)
    explanation = ec.explain(network, picture, target="b")
    measures = ec.measure(explanation, metrics=["deletion", "focus"])
    assert list(measures.table.columns) == ["finding", "classifier", "method", "metric", "value"]
    assert set(measures.table["method"]) == {"gradcam++", "moved"}
    curve = measures.curve("deletion", "b")
    assert curve["score"].iloc[0] == pytest.approx(explanation.probabilities["b"], abs=1e-5)
    own = measures.table[(measures.table.method == "gradcam++") & (measures.table.metric == "deletion")]
    assert own["value"].item() == pytest.approx(np.trapezoid(curve["logit"], curve["share"]))
    assert measures.figure().width > 600
    with pytest.raises(KeyError):
        measures.curve("insertion", "b")

    review = ec.review(picture, set="teaching", classifiers=["teaching-resnet"], labels=["Effusion"], method="gradcam")
    again = ec.measure(review, ["drop_logit"]).table
    assert again["classifier"].tolist() == ["teaching-resnet"] * 2

    with pytest.raises(ec.ConfigError, match=r"metrics: got 'raod'; .+ Did you mean \"road\"\?"):
        ec.measure(explanation, metrics=["raod"])
    with pytest.raises(TypeError, match="hand over what explain or review returned"):
        ec.measure(picture)


def test_empty_map_of_an_explanation_is_an_error():
    module = resnet18(num_classes=2).eval()
    torch.nn.init.zeros_(module.fc.weight)
    explanation = ec.explain(ec.Network(module, input_size=64), draw_phantom(seed=3, size=256), method="gradcam")
    with pytest.raises(ec.ClassifierError, match="the same everywhere"):
        ec.measure(explanation)


def test_means_over_films_have_students_interval_and_count_a_film_once():
    values = {"a": 1.0, "b": 2.0, "c": 4.0}
    table = [(film, finding, "net", "gradcam", "road", value) for film, value in values.items() for finding in "XY"]
    table += [(film, "X", "net", "gradcam", "increase", float(film == "a")) for film in values]
    found = {(each["finding"], each["metric"]): each for each in summary(table)}
    both = found["all", "road"]
    reach = t.ppf(0.975, 2) * np.std([1, 2, 4], ddof=1) / np.sqrt(3)
    assert (both["films"], both["mean"]) == (3, pytest.approx(7 / 3, abs=1e-6))
    assert both["interval"] == pytest.approx([7 / 3 - reach, 7 / 3 + reach], abs=1e-5)
    low, high = found["X", "increase"]["interval"]
    assert 0 < low < 1 / 3 < high < 1
    assert summary(table[:2])[0]["interval"] is None


def test_a_curve_is_drawn_where_its_values_are():
    line = Series("Grad-CAM", [0, 0.5, 1], [0, 0, 10])
    pictures = [
        curves_png([Panel("x", [each])], Words("head", ["words"]), {})
        for each in (line, Series("Grad-CAM", [0, 0.5, 1], [0, 10, 10]))
    ]
    blue = [
        np.asarray(Image.open(io.BytesIO(each)))[:, :, 2].astype(int)
        - np.asarray(Image.open(io.BytesIO(each)))[:, :, 0]
        > 60
        for each in pictures
    ]
    middle = slice(120 + 280, 120 + 340)
    low, high = (np.nonzero(each[:650, middle].any(axis=1))[0] for each in blue)
    assert low.max() > 500
    assert high.min() < 220


USAGE = [
    ("--metrics raod", r"metrics: got 'raod'; allowed: .+ Did you mean \"road\"\?"),
    ("--metrics ,", r"metrics: got none; allowed: .+"),
    ("--methods gradcam,gradcan", r"--methods: got 'gradcan'; allowed: all, or some of .+ mean \"gradcam\"\?"),
    ("--network torchvision:resnet18 --top-k 2", r"--top-k: does not go with --network\. Name its classes with .+"),
    ("--network torchvision:resnet18 --methods guidedgradcam", r"--methods: got 'guidedgradcam'; allowed: all, .+"),
    ("--labels Efusion", r"labels: got 'Efusion', .+ Did you mean \"Effusion\"\? .+"),
    ("--seed -1", r"--seed: got '-1'; allowed: a whole number of at least 0\."),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE)
def test_wrong_usage_is_one_line(arguments, words, phantoms, tmp_path, capsys):
    given = ["measure", str(phantoms), "--set", "teaching", "--out", str(tmp_path / "out"), "--quiet"]
    try:
        code = cli.main([*given, *arguments.split()])
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert re.fullmatch(f"ensemble-cam: {words}\n", captured.err)
    assert not (tmp_path / "out").exists()


def test_help_loads_nothing_heavy():
    loaded, printed = loaded_by(["measure", "--help"], {"torch", "numpy", "scipy", "pandas", "openvino"})
    assert loaded == []
    assert any("ROAD combined" in line for line in printed)
