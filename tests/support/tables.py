"""Tables of an archive, made by hand: films of two devices with greys, and scores of two networks and their mean."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ensemble_cam.archive.table import METADATA, SCHEMAS
from ensemble_cam.settings.vocabulary import FILMS, FINDINGS, GREY_PERCENTILES, SCORES

LABELS = ("Effusion", "Mass")
NETWORKS = ("one", "other")


def write_tables(folder: Path, count: int, *, seed: int, sha256: str = "a" * 64, **changed: object) -> Path:
    """Write an archive's tables, and return their folder.

    Args:
        folder: where they go.
        count: how many films.
        seed: what they are drawn from.
        sha256: of the networks' weights.
        **changed: `brighter` (added to greys, of 1), `larger` (times the side), `second` (share of the second
            device), `prevalence` (of effusion), `failed` (share of films), `device` (one that all films are of),
            `meaningless`, `framing`.
    """
    random = np.random.default_rng(seed)
    names = [f"film_{number:05d}" for number in range(count)]
    second = random.random(count) < changed.get("second", 0.4)
    failed = random.random(count) < changed.get("failed", 0.02)
    devices = np.where(second, "Acme B", "Acme A")
    side = np.where(second, 2500, 2000) * changed.get("larger", 1.0) * (1 + 0.05 * random.standard_normal(count))
    films = {
        "film": names,
        "sha256": ["0" * 64] * count,
        "state": np.where(failed, "failed", "done"),
        "reason": np.where(failed, "It cannot be read.", None),
        "width": np.where(failed, None, side.astype(int)),
        "height": np.where(failed, None, (side * 1.1).astype(int)),
        "bits": np.where(failed, None, 12),
        "view": "PA",
        "device": np.where(failed, None, changed.get("device", devices)),
        "meaningless": [bool(changed.get("meaningless", False))] * count,
        "warnings": "",
        "known_by": names,
    }
    exposure = 0.05 * random.standard_normal(count) + changed.get("brighter", 0.0)
    for percentile in GREY_PERCENTILES:
        grey = np.clip(percentile / 100 + exposure, 0, 1) * 4095
        films[f"grey_p{percentile:02d}"] = np.where(failed, None, grey.astype(int))
    scores, findings = [], []
    for label in LABELS:
        prevalence = changed.get("prevalence", 0.2) if label == "Effusion" else 0.1
        middle = np.where(random.random(count) < prevalence, 1.5, -1.5)
        logits = [middle + random.standard_normal(count) for _ in NETWORKS]
        values = dict(zip(NETWORKS, (1 / (1 + np.exp(-each)) for each in logits), strict=True))
        values["ensemble"] = np.mean(list(values.values()), axis=0)
        for network, each in values.items():
            scores += [(name, network, label, value, None) for name, value in zip(names, each, strict=True)]
        agreement = random.random(count)
        findings += [
            (name, label, "ensemble", 1, "called", False, value, 1, 1, [0, 0, 2, 2], 0.1)
            for name, value in zip(names, agreement, strict=True)
        ]
    bad = set(np.array(names)[failed])
    scores = [row for row in scores if row[0] not in bad] + [(name, None, None, None, "failed") for name in bad]
    findings = [row for row in findings if row[0] not in bad]
    settings = {
        "framing": changed.get("framing", "crop"),
        "intensity": "stored",
        "rescale": False,
        "negative": False,
        "ensemble_weights": dict.fromkeys(NETWORKS, 1.0),
    }
    about = {
        "settings": settings,
        "classifiers": [{"id": each, "weights_sha256": sha256, "calibrated": True} for each in NETWORKS],
    }
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        FILMS: pd.DataFrame(films),
        SCORES: pd.DataFrame(scores, columns=SCHEMAS[SCORES].names),
        FINDINGS: pd.DataFrame(findings, columns=SCHEMAS[FINDINGS].names),
    }
    for table, frame in made.items():
        schema = SCHEMAS[table].with_metadata({METADATA: json.dumps(about)})
        rows = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
        pq.write_table(rows.replace_schema_metadata(schema.metadata), folder / f"{table}.parquet")
    return folder
