"""The contact sheet: one page of HTML with the overlays of many films.

It opens from a folder or a stick as from a server: no script, no style and no picture from elsewhere; overlays are
linked beside it. Whatever it is given is text, never HTML.
"""

import os
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from ensemble_cam.maps.agreement import Agreement
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.reviewing.sentences import agreement_line


@dataclass(frozen=True)
class SheetFinding:
    """An explained finding of a film.

    Attributes:
        label: as people read it.
        score: the finding's, in [0, 1].
        call: what it says, in `Call`'s words.
        split: whether some classifiers call it and others do not.
        agreement: the maps' mean IoU; None where there are no two of them.
        classifiers: of each its name, score and call; None where it has none.
        overlay: the file of its ensemble map, or of the only map there is; None without.
        size: width and height of that picture in pixels, its words below the film among them.
        is_empty: whether that map has no positive value.
    """

    label: str
    score: float
    call: str
    split: bool
    agreement: float | None
    classifiers: tuple[tuple[str, float | None, str | None], ...]
    overlay: str | None
    size: tuple[int, int]
    is_empty: bool


@dataclass(frozen=True)
class SheetFilm:
    """A film that was reviewed.

    Attributes:
        name: its folder's name, as it is shown.
        folder: its folder's name, as the disk has it.
        file: where the film lay, where its name does not say so; None for nobody to see.
        warnings: what has to be said of it.
        meaningless: whether its scores and maps mean nothing.
        findings: in the order of their ranks.
    """

    name: str
    folder: str
    file: str | None
    warnings: tuple[str, ...]
    meaningless: bool
    findings: tuple[SheetFinding, ...]


@dataclass(frozen=True)
class FailedFilm:
    """A film that was not reviewed, as it is shown, and the sentence that says why."""

    shown: str
    sentence: str


@dataclass(frozen=True)
class Sheet:
    """All that stands on the page.

    Attributes:
        films: those that were reviewed.
        failed: the others.
        left_out: what of the folders was no film, in words; empty where all was.
        notice: what every output of this set of classifiers says.
        made_by: networks, weights, method, threshold and versions, in lines.
    """

    films: tuple[SheetFilm, ...]
    failed: tuple[FailedFilm, ...]
    left_out: str
    notice: str | None
    made_by: tuple[str, ...]


_STYLE = """
:root { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; background: #101214; color: #e4e7ea; font: 16px/1.45 system-ui, "DejaVu Sans", sans-serif; }
a { color: inherit; }
body > header { position: sticky; top: 0; z-index: 1; padding: .6rem 1.5rem; background: #1a1e22;
  border-bottom: 1px solid #343b42; }
h1 { margin: 0; font-size: 1.15rem; display: inline; }
.counts { margin-left: 1rem; color: #aeb6bf; }
.purpose { margin: .15rem 0 0; color: #ffc36b; font-weight: 600; }
main, body > footer { padding: 1rem 1.5rem; }
.failed { margin-bottom: 1.25rem; padding: .6rem 1rem; border-left: 4px solid #ff7a6b; background: #1f1a1a; }
.failed h2 { margin: 0 0 .25rem; font-size: 1rem; }
.failed ul { margin: 0; padding-left: 1.2rem; }
.films { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 44rem), 1fr)); }
article { padding: .75rem 1rem 1rem; background: #181b1f; border: 1px solid #2a3036; border-radius: 6px;
  break-inside: avoid; }
h2 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.file { margin: 0; color: #aeb6bf; font-size: .85rem; overflow-wrap: anywhere; }
.warning { margin: .25rem 0 0; color: #ffc36b; font-size: .9rem; }
.findings { display: grid; gap: .75rem; margin-top: .6rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 12.5rem), 1fr)); }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; max-height: 26rem; object-fit: contain; background: #000; }
.none { display: grid; place-items: center; min-height: 8rem; background: #000; color: #aeb6bf; }
figcaption { margin-top: .35rem; font-size: .9rem; }
.label { font-weight: 600; }
.word { display: inline-block; padding: 0 .4rem; border: 1px solid #77818b; border-radius: 3px; color: #c3cad1; }
.called { border-color: #ffb347; background: #ffb347; color: #101214; font-weight: 600; }
.split { border-color: #e58cff; color: #e58cff; font-weight: 600; }
.uncalibrated, .word.meaningless { border-style: dashed; }
.each { margin: .25rem 0 0; padding: 0; list-style: none; color: #aeb6bf; font-size: .82rem; }
.means-nothing { color: #8a939c; text-decoration: line-through; }
body > footer { color: #aeb6bf; font-size: .82rem; border-top: 1px solid #2a3036; }
body > footer p { margin: 0; overflow-wrap: anywhere; }
@media print {
  :root { color-scheme: light; }
  body, body > header, article, .failed { background: #fff; color: #000; }
  body > header { position: static; }
  .purpose, .warning, .file, .each, .counts, body > footer, .word { color: #000; }
}
"""


def contact_sheet(sheet: Sheet) -> str:
    """Return the page."""
    purpose = f"{PURPOSE} {sheet.notice}." if sheet.notice else PURPOSE
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>Chest radiograph reviews</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f'<header><h1>Chest radiograph reviews</h1><span class="counts">{escape(_counts(sheet))}</span>',
        f'<p class="purpose">{escape(purpose)}</p></header>',
        "<main>",
    ]
    if sheet.failed:
        lines.append('<section class="failed"><h2>Not reviewed</h2><ul>')
        lines += [f"<li>{escape(film.shown)}: {escape(film.sentence)}</li>" for film in sheet.failed]
        lines.append("</ul></section>")
    lines.append('<div class="films">')
    lines += [_article(film, purpose) for film in sheet.films]
    lines.append("</div></main><footer>")
    notes = (
        "A map shows where the networks looked for a finding, not that it is there.",
        *sheet.made_by,
        sheet.left_out,
    )
    lines += [f"<p>{escape(note)}</p>" for note in notes if note]
    lines.append(f'<p class="purpose">{escape(purpose)}</p></footer></body></html>')
    return "\n".join(lines) + "\n"


def _counts(sheet: Sheet) -> str:
    meant = [film for film in sheet.films if not film.meaningless]
    called = sum(any(finding.call == Call.CALLED for finding in film.findings) for film in meant)
    split = sum(any(finding.split for finding in film.findings) for film in meant)
    parts = [f"{len(sheet.films)} film{'s' * (len(sheet.films) != 1)}"]
    parts += [f"a finding called in {called}"] if meant else []
    parts += [f"classifiers split in {split}"] if split else []
    parts += [f"{len(sheet.films) - len(meant)} meaningless"] if len(meant) < len(sheet.films) else []
    parts += [f"{len(sheet.failed)} not reviewed"] if sheet.failed else []
    return " · ".join(parts)


def _article(film: SheetFilm, purpose: str) -> str:
    link = _link(film.folder, "review.png")
    parts = [
        f'<article{" class=meaningless" if film.meaningless else ""} title="{escape(purpose)}">',
        f'<h2><a href="{link}">{escape(film.name)}</a></h2>',
    ]
    if film.file is not None:
        parts.append(f'<p class="file">{escape(film.file)}</p>')
    parts += [f'<p class="warning">{escape(warning)}</p>' for warning in film.warnings]
    parts.append('<div class="findings">')
    parts += [_figure(film, finding) for finding in film.findings]
    parts.append("</div></article>")
    return "\n".join(parts)


def _figure(film: SheetFilm, finding: SheetFinding) -> str:
    if finding.overlay is None:
        picture = '<div class="none">No map</div>'
    else:
        source, (width, height) = _link(film.folder, finding.overlay), finding.size
        alt = escape(f"{film.name}: map of {finding.label} over the film")
        picture = f'<img src="{source}" alt="{alt}" width="{width}" height="{height}" loading="lazy" decoding="async">'
        picture = f'<a href="{source}">{picture}</a>'
    words = [f'<span class="word {finding.call.replace(" ", "-")}">{escape(finding.call)}</span>']
    if finding.split:
        words.append('<span class="word split">classifiers split</span>')
    notes = [] if finding.agreement is None else [agreement_line(Agreement(finding.agreement, None))]
    notes += ["empty map: nothing speaks for it"] if finding.is_empty else []
    items = [
        f"<li{_struck(call)}>{escape(_classifier(name, score, call, finding.call))}</li>"
        for name, score, call in finding.classifiers
    ]
    items += [f"<li>{escape(note)}</li>" for note in notes]
    return (
        f'<figure>{picture}<figcaption><span class="label">{escape(finding.label)}</span> '
        f"<span{_struck(finding.call)}>{finding.score:.2f}</span> {' '.join(words)}"
        f'<ul class="each">{"".join(items)}</ul></figcaption></figure>'
    )


def _classifier(name: str, score: float | None, call: str | None, together: str) -> str:
    """Return a classifier with its score, and with what that says where all together say another thing."""
    if score is None:
        return f"{name}: no score"
    return f"{name}: {score:.2f}" if call == together else f"{name}: {score:.2f}, {call}"


def _struck(call: str | None) -> str:
    """Return the attribute that strikes out a score that means nothing by its own call."""
    return ' class="means-nothing"' if call == Call.MEANINGLESS else ""


def _link(*parts: str) -> str:
    """Return a relative address of a file beside the page, whatever bytes its name has."""
    return "/".join(quote(os.fsencode(part), safe="") for part in parts)
