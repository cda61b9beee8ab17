"""A classifier's model card, in the fields of RSNA's ATLAS: what is published of it, and what a site measured.

The fields are those of ATLAS' schema for models, version 2025-11 (RSNA/ATLAS, model.json; its terms are ROADMAP's). The
schema itself is RSNA's and does not come with this program: names and kinds of fields are kept, a card is not checked
by it. What is not known is said to be unknown, and no field is filled with a guess.
"""

from collections.abc import Mapping
from typing import Any

from ensemble_cam.errors import WeightsError
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.settings import displayed
from ensemble_cam.weights.released import weights_file

SCHEMA = "https://atlas.rsna.org/schemas/2025-11/model.json"

UNCHECKED = "Fields as in ATLAS' schema 2025-11; this card was not checked by it."
_UNKNOWN = "Unknown."
_NO_LINK = "No address of these weights is known, for which ATLAS asks (Link)."
_MODALITIES = ("Computed radiography (RID10349)", "Digital radiography (RID10351)")
_CHEST = "CH"  # RSNA's content code

_ARCHITECTURES: Mapping[str, str] = {
    "densenet": "Convolutional neural network, DenseNet121",
    "resnet": "Convolutional neural network, ResNet50",
    "jfhealthcare": "Convolutional neural network, DenseNet121 with attention pooling",
}
_TEACHING = "Convolutional neural network, small, of the teaching set"

_TORCHXRAYVISION = {
    "Authors": "Cohen JP, et al.",
    "Title": "TorchXRayVision: A library of chest X-ray datasets and models",
    "Date": 2022,
    "URL": "https://arxiv.org/abs/2111.00595",
}
_REFERENCES: Mapping[str, Mapping[str, Any]] = {
    "densenet": _TORCHXRAYVISION,
    "resnet": _TORCHXRAYVISION,
    "jfhealthcare": {
        "Authors": "Ye W, et al.",
        "Title": "Weakly Supervised Lesion Localization With Probabilistic-CAM Pooling",
        "Date": 2020,
        "URL": "https://arxiv.org/abs/2005.14480",
    },
}
"""Family → the paper of it."""


def card_name(id: str) -> str:
    """Return the name of a classifier's card."""
    return f"model_card_{id}.json"


def card_of(classifier: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a classifier's card.

    Args:
        classifier: of the record's `classifiers`.
        record: a validation's.
    """
    labels = [label for label, of in record["findings"].items() if classifier["id"] in of]
    model: dict[str, Any] = {
        "Name": f"{classifier['name']} ({classifier['weights']})",
        "Indexing": {"Content": [_CHEST], "Keywords": ["chest radiograph", *dict.fromkeys(map(displayed, labels))]},
        "Descriptors": {
            "Comments": f"{UNCHECKED} {PURPOSE}",
            "Version": f"weights SHA-256 {classifier['weights_sha256']}",
            "Ethical review": _UNKNOWN,
            "Funding": _UNKNOWN,
        },
        "Model properties": {
            "Architecture": _architecture(classifier),
            "Input": f"One frontal chest radiograph, scaled to {classifier['input_size']} pixels along each side.",
            "Output": {"Description": "A score in [0, 1] for each finding; no calibrated probability."},
            "Decision threshold": _threshold(classifier),
            "Indications for use": f"None. {PURPOSE}",
            "Limitations": " ".join(_limits(classifier, record)),
            "Reproducibility": "The same film, weights and settings give the same scores to float32's rounding.",
            "Sustainability": _UNKNOWN,
            "Regulatory information": {"Authorization status": "None is known."},
            "Use": {"Intended": ["Research and teaching"], "Excluded": ["Diagnosis", "Triage"]},
            "User": {"Intended": ["Researcher", "Radiologist"], "Excluded": ["Patient"]},
        },
        "Imaging": {"Modalities": list(_MODALITIES), "File format": ["DICOM", "PNG", "JPEG", "Other"]},
        "Model performance": _performance(classifier, record, labels),
    }
    if (paper := _REFERENCES.get(classifier["model_type"])) is not None:
        model["Descriptors"]["References"] = [dict(paper)]
    if (link := _link(classifier["weights"])) is not None:
        model = {"Name": model["Name"], "Link": link, **model}
    else:
        model["Descriptors"]["Comments"] += f" {_NO_LINK}"
    return {"$schema": SCHEMA, "Model": model}


def _architecture(classifier: Mapping[str, Any]) -> str:
    own = classifier.get("network")
    if own is not None:
        return f"{own['architecture']}, the site's own"
    return _ARCHITECTURES.get(classifier["model_type"], _TEACHING)


def _link(weights: str) -> str | None:
    """Return where weights are published; None where they are not."""
    try:
        return weights_file(weights).url
    except WeightsError:
        return None


def _threshold(classifier: Mapping[str, Any]) -> str:
    source = classifier["operating_points_source"]
    if source is None:
        return "None is published; nothing is called."
    words = {
        "published": "published with the weights",
        "configuration": "the configuration's",
        "site": "the site's own",
    }
    return f"A score of 0.5, which stands for each finding's operating point, {words.get(source, source)}."


def _limits(classifier: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    found = [f"{record['notice']}."] if record["notice"] else []
    if not classifier["published"]:
        found.append("Not the published weights.")
    found += record["cautions"]
    found.append("Training data, their patients and their labels: see the references; nothing else is known here.")
    found.append("Films of other devices, patients and prevalences have figures of their own.")
    return found


def _performance(classifier: Mapping[str, Any], record: Mapping[str, Any], labels: list[str]) -> dict[str, Any]:
    films = record["films"]
    said = [
        f"{displayed(label)}: {record['findings'][label][classifier['id']]['sentence']}"
        for label in labels
    ]  # fmt: skip
    where = f"{films['n']} films of {films['patients']} patients of one site, {record['date']}; {films['digest']}."
    return {
        "Metrics": [
            "area under the receiver operating characteristic curve",
            "average precision",
            "sensitivity",
            "specificity",
        ],
        "Comments": " ".join([where, *said]),
    }
