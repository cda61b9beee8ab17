"""What a validation leaves behind: its record, operating points, report and model cards, whole or not at all.

None of them holds a film's name, a patient or a reader. The page opens from a folder or a stick: no script, and nothing
from elsewhere. Whatever it is given is text, never HTML.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ensemble_cam.errors import ConfigError, ExportError
from ensemble_cam.export.drafts import draft
from ensemble_cam.machine.names import escaped
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.validation.model_card import card_name, card_of
from ensemble_cam.validation.ranking_curves import curves_html
from ensemble_cam.validation.report_pdf import report_pdf
from ensemble_cam.validation.report_words import located_table, located_words, marked_alone, names_of, untold
from ensemble_cam.validation.site import SMALLEST_GROUP, decimal

SCHEMA = 1
RECORD, POINTS, PAGE, PRINTED = "validation.json", "operating_points.toml", "report.html", "report.pdf"


def check_free(out: Path) -> None:
    """Refuse a folder that holds a validation: nothing is overwritten.

    Raises:
        ConfigError: if one of the files is there.
    """
    if there := [name for name in (RECORD, POINTS, PAGE, PRINTED) if os.path.lexists(out / name)]:
        raise ConfigError(f"--out: {escaped(str(out))} has a {there[0]} already. Choose another folder.")


def write(record: Mapping[str, Any], points: Mapping[str, Mapping[str, float]], out: Path) -> None:
    """Write all files.

    Args:
        record: `validation.json`.
        points: classifier id → label → the probability that was chosen.
        out: the folder, which need not be there.

    Raises:
        ExportError: if they cannot be written; none is there then.
    """
    files = {
        PAGE: page(record).encode(),
        PRINTED: report_pdf(record),
        POINTS: points_toml(record, points).encode(),
        **{card_name(each["id"]): text_of(card_of(each, record)).encode() for each in record["classifiers"]},
        RECORD: text_of(record).encode(),
    }
    placed: list[Path] = []
    try:
        with draft(out) as folder:
            folder.mkdir()
            for name, data in files.items():
                (folder / name).write_bytes(data)
            for name in files:
                os.replace(folder / name, out / name)
                placed.append(out / name)
        placed.clear()  # they are whole, and stay
    except OSError as error:
        raise ExportError(
            f"The validation could not be written ({error.strerror}). Free space, or choose another folder."
        ) from None
    finally:
        for path in placed:
            path.unlink(missing_ok=True)


def text_of(record: Mapping[str, Any]) -> str:
    """Return the text of `validation.json`."""
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def points_toml(record: Mapping[str, Any], points: Mapping[str, Mapping[str, float]]) -> str:
    """Return `operating_points.toml`: each classifier's points with its weights' SHA-256, the day, n and the films."""
    lines = [f"# {each}" for each in (PURPOSE, *_notices(record), f"Chosen: {record['choice']['rule']}.")]
    for classifier in record["classifiers"]:
        if not points.get(classifier["id"]):
            continue
        lines += [
            "",
            f"[{classifier['id']}]",
            f"weights_sha256 = {_quoted(classifier['weights_sha256'])}",
            f"date = {_quoted(record['date'])}",
            f"n = {record['choice']['chosen_on']['n']}",
            f"films = {_quoted('SHA-256 of all films by their hashes: ' + record['films']['digest'])}",
            "",
            f"[{classifier['id']}.points]",
            *(f"{_quoted(label)} = {value!r}" for label, value in sorted(points[classifier["id"]].items())),
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML is one of JSON's


_STYLE = """
body { margin: 0 auto; max-width: 90rem; padding: 1rem 1.5rem 3rem; background: #fff; color: #16191c;
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.purpose { margin: 0; padding: .5rem .8rem; background: #fff1d6; border-left: 4px solid #b36b00; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; margin: .4rem 0; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid #b9c0c7; padding: .2rem .55rem; text-align: right; vertical-align: top; }
th { background: #eef1f3; } th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; } td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.curves svg { font-size: 12px; margin-right: 1.5rem; } .curves { display: flex; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin: .2rem 0; padding: 0; }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { max-width: none; padding: 0; font-size: 11px; } table { font-size: 9.5px; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
}
"""


def page(record: Mapping[str, Any]) -> str:
    """Return `report.html` of a record."""
    title = "Validation on the site's own films"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        *(f'<p class="purpose">{escape(line)}</p>' for line in (PURPOSE, *_notices(record), *record["cautions"])),
        *_films(record),
        *_classifiers(record),
        *(part for label in record["findings"] for part in _finding(label, record)),
        *(part for label in marked_alone(record) for part in _marked(label, record)),
        *_comparisons(record),
        "<h2>What this does not tell</h2>",
        f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in untold(record))}</ul>",
        f'<p class="purpose">{escape(PURPOSE)}</p>',
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _notices(record: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"{record['notice']}.",) if record["notice"] else ()


def _films(record: Mapping[str, Any]) -> list[str]:
    films, choice = record["films"], record["choice"]
    on, other = choice["chosen_on"], choice["reported_on"]
    rows = [
        ("date", record["date"]),
        *([("by", record["by"])] if record["by"] else []),
        ("films in the figures", films["n"]),
        ("patients", films["patients"]),
        ("films that could not be used", films["failed"]),
        ("films without a label", films["unlabelled"]),
        ("labels on which readers were divided, left out", films["undecided"]),
        ("which films they were: SHA-256 of their sorted SHA-256", films["digest"]),
        ("operating points are", choice["rule"]),
        ("chosen on", f"{on['n']} films of {on['patients']} patients, drawn by seed {choice['seed']}"),
        ("reported on", f"{other['n']} films of {other['patients']} others"),
        ("set", record["settings"]["set"]),
        ("what the networks saw", f"{record['settings']['framing']}, {record['settings']['intensity']}"),
        ("versions", ", ".join(f"{name} {number}" for name, number in record["software"].items())),
    ]
    return ["<h2>Films</h2>", _pairs(rows), *(f"<p>{escape(each)}</p>" for each in record["remarks"])]


def _classifiers(record: Mapping[str, Any]) -> list[str]:
    head = ("classifier", "weights", "SHA-256", "operating points today", "ensemble weight")
    weights = record["settings"]["ensemble_weights"]
    rows = [
        (each["name"], each["weights"], each["weights_sha256"], each["operating_points_source"] or "none",
         f"{weights[each['id']]:g}")
        for each in record["classifiers"]
    ]  # fmt: skip
    return ["<h2>Classifiers</h2>", _table(head, rows)]


def _finding(label: str, record: Mapping[str, Any]) -> list[str]:
    names = names_of(record)
    figures = record["findings"][label]
    today = ("classifier", "n", "positives", "AUC", "interval", "resampled", "average precision",
             "operating point", "sensitivity", "specificity", "alerts per 100", "PPV", "NPV")  # fmt: skip
    rows = [
        (names[id], each["n"], each["positives"], decimal(each["auc"]), _span(each["auc_interval"]),
         _span(each["auc_bootstrap"]), decimal(each["average_precision"]), _point(each),
         _share(each, "sensitivity"), _share(each, "specificity"), _alerts(each),
         decimal(each.get("ppv")), decimal(each.get("npv")))
        for id, each in figures.items()
    ]  # fmt: skip
    prevalence = next((each["prevalence"] for each in figures.values() if "prevalence" in each), None)
    stated = (
        f"at the stated prevalence of {prevalence:g}, without an interval"
        if prevalence is not None
        else "no prevalence was stated"
    )
    said = [f"<li>{escape(names[id])}: {escape(each['sentence'])}</li>" for id, each in figures.items()]
    return [
        f"<h2>{escape(displayed(label))}</h2>",
        f"<ul>{''.join(said)}</ul>",
        "<h3>At the operating points of today, all films</h3>",
        _table(today, rows),
        "<p>Resampled: patients drawn again. Shares with Wilson's interval; the exact one of Clopper and Pearson is in "
        f"{RECORD}. PPV and NPV: {stated}.</p>",
        curves_html(figures, names),
        *_site(figures, names),
        *_calibration(figures, names),
        *_votes(figures, record["contradictions"].get(label, [])),
        *_subgroups(figures, names),
        *_located(label, record),
    ]


def _site(figures: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    head = ("classifier", "point", "chosen on", "reported on", "sensitivity", "specificity", "alerts per 100")
    rows, reasons = [], []
    for id, each in figures.items():
        site, on = each["site"], each["site"]["chosen_on"]
        if "reason" in site:
            reasons.append(f"<p>{escape(names[id])}: no point. {escape(site['reason'])}</p>")
            continue
        other = site["reported_on"]
        rows.append(
            (names[id], _point(site), f"{on['n']} films, {on['positives']} positive",
             f"{other['n']} films, {other['positives']} positive", _share(other, "sensitivity"),
             _share(other, "specificity"), _alerts(other))
        )  # fmt: skip
    table = [_table(head, rows)] if rows else []
    return ["<h3>At points chosen on one half of the patients, reported on the other</h3>", *table, *reasons]


def _calibration(figures: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    head = ("classifier", "probability", "Brier, other half", "Brier of the sigmoid", "Brier of one number",
            "expected → observed, by tenths", "net benefit at .1 (all called)", "remark")  # fmt: skip
    rows = []
    for id, each in figures.items():
        found = each.get("calibration")
        if found is None:
            continue
        platt, curve = found["platt"], found["isotonic"] or found["platt"]
        if platt is None or curve is None:
            rows.append((names[id], *["–"] * 6, found["reason"]))
            continue
        words = f"sigmoid({platt['slope']:.3g} · logit {platt['offset']:+.3g})"
        parts = ", ".join(f"{decimal(part['expected'])}→{decimal(part['observed'])}" for part in curve["reliability"])
        benefit = next(part for part in curve["net_benefit"] if part["threshold"] == 0.1)
        rows.append(
            (names[id], words if found["isotonic"] is None else f"isotonic; {words}", f"{curve['brier']:.3f}",
             f"{found['uncalibrated']['brier']:.3f}", f"{found['constant']['brier']:.3f}", parts or "–",
             f"{benefit['called']:.3f} ({benefit['all']:.3f})", found["reason"] or "")
        )  # fmt: skip
    told = "<p>Fitted on one half of the patients, judged on the other. The score gets neither: see the end.</p>"
    return ["<h3>Calibration of the logit</h3>", _table(head, rows), told] if rows else []


def _votes(figures: Mapping[str, Any], contradictions: Sequence[str]) -> list[str]:
    votes = figures.get(ENSEMBLE, {}).get("votes")
    found = []
    if votes and votes["split"] is not None:
        said = []
        for name, words in (("split", "split"), ("unanimous", "are of one mind")):
            each = votes[name]
            span = "" if each["interval"] is None else f" ({_span(each['interval'])})"
            said.append(
                f"Where the classifiers {words}: {each['n']} films, the ensemble is wrong on {each['wrong']}{span}."
            )
        found.append(f"<p>{escape(' '.join(said))}</p>")
    if contradictions:
        listed = ", ".join(each[:16] + "…" for each in contradictions)
        words = "Films on which all classifiers contradict the label (errors of labels, or lessons), by SHA-256"
        found.append(f"<p>{escape(words)}: {escape(listed)}</p>")
    return ["<h3>Votes</h3>", *found] if found else []


def _subgroups(figures: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    head = ("group", "classifier", "n", "positives", "AUC", "interval", "sensitivity", "specificity")
    rows = [
        (f"{column} {value}", names[id], each["n"], each["positives"], decimal(each["auc"]),
         _span(each["auc_interval"]), _share(each, "sensitivity"), _share(each, "specificity"))
        for id, of in figures.items() for column, values in of["subgroups"].items() for value, each in values.items()
    ]  # fmt: skip
    few = f"<p>Groups of fewer than {SMALLEST_GROUP} films are not listed.</p>"
    return ["<h3>Subgroups, at the operating points of today</h3>", _table(head, sorted(rows)), few] if rows else []


def _marked(label: str, record: Mapping[str, Any]) -> list[str]:
    return [f"<h2>{escape(displayed(label))}</h2>", *_located(label, record)]


def _located(label: str, record: Mapping[str, Any]) -> list[str]:
    head, rows = located_table(label, record)
    if not rows:
        return []
    said = "".join(f"<p>{escape(each)}</p>" for each in located_words(label, record["places"]))
    return ["<h3>Where the maps lie</h3>", _table(head, rows), said]


def _comparisons(record: Mapping[str, Any]) -> list[str]:
    if not record["comparisons"]:
        return []
    names = {each["id"]: each["name"] for each in record["classifiers"]}
    head = ("finding", "first", "second", "AUC first − second", "p", "p, corrected (Holm)")
    rows = [
        (displayed(each["finding"]), names[each["one"]], names[each["other"]], f"{each['difference']:+.2f}",
         _p(each["p"]), _p(each["p_holm"]))
        for each in record["comparisons"]
    ]  # fmt: skip
    return ["<h2>Classifiers compared, paired on the same films (DeLong)</h2>", _table(head, rows)]


def _pairs(rows: Iterable[tuple[str, object]]) -> str:
    body = "".join(f'<tr><th>{escape(name)}</th><td class="text">{escape(str(each))}</td></tr>' for name, each in rows)
    return f'<div class="scroll"><table>{body}</table></div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _point(each: Mapping[str, Any]) -> str:
    point = each["operating_point"]
    return "none" if point is None else f"{each['operating_point_of']} {point:.3g}"


def _share(each: Mapping[str, Any], name: str) -> str:
    return "–" if each[name] is None else f"{decimal(each[name])} ({_span(each[f'{name}_wilson'])})"


def _alerts(each: Mapping[str, Any]) -> str:
    if each["alert_rate"] is None:
        return "–"
    low, high = each["alert_rate_wilson"]
    return f"{each['alerts_per_100']:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def _span(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else "–".join(map(decimal, interval))


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 1 else "1"
