"""The tables of the radiologists' and teachers' pages and of Troubleshooting, written from the code."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from markdown_tables import sentence, table

from ensemble_cam.film.dicom.header import OTHER_MODALITIES
from ensemble_cam.film.dicom.pixels import _SYNTAXES
from ensemble_cam.film.dicom.read import _FILMS
from ensemble_cam.film.intake import MAX_FILE_BYTES, MAX_PIXELS, MIN_SIDE
from ensemble_cam.film.kinds import _REFUSED, ACCEPTED, DICOM, KINDS
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.phantom.findings import PLANTERS
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.reviewing.sentences import CALLS_AT_LENGTH

_PICTURES = {
    "PNG": "grey or colour, up to 16 bits a sample; of colour the red channel",
    "JPEG": "baseline and progressive, 8 bits; grey or colour",
    "TIFF": "grey up to 8 bits, of 12 and of 16; colour of 8; one picture, and perhaps previews",
    "BMP": "grey or colour, uncompressed or RLE",
}

_MEANS = {
    Call.CALLED: "The score is at or above the operating point.",
    Call.NOT_CALLED: "The score is below it. The map is no sign of the finding.",
    Call.UNCALIBRATED: "The network has no operating point. Its score is a bare sigmoid, and calls nothing.",
    Call.MEANINGLESS: "The networks cannot know this film, or were never trained.",
}


def calls() -> str:
    """Return what the networks say of a finding, and what that means."""
    return table(
        ("on the screen", "at length", "what it means"),
        ((f"*{call}*", text, _MEANS[call]) for call, text in CALLS_AT_LENGTH.items()),
    )


def films_read() -> str:
    """Return what files are read."""
    pictures = [(kind, _PICTURES[kind]) for kind in sorted(KINDS - {DICOM})]
    objects = sorted({name.partition(", multi-frame")[0] for name in _FILMS.values()})
    coding = dict.fromkeys(name.partition(", ")[0] for name in _SYNTAXES.values())
    dicom = [
        (
            "DICOM, what",
            f"{', '.join(objects)}; one frame of 8 to 16 bits, grey throughout",
        ),
        ("DICOM, how", f"{', '.join(coding)}; with or without preamble and file meta information"),
        (
            "all",
            f"sides of {MIN_SIDE} pixels and more, up to {MAX_PIXELS // 1_000_000} megapixels and "
            f"{MAX_FILE_BYTES >> 20} MB",
        ),
    ]
    return table(("file", "read"), [*pictures, *dicom])


def films_refused() -> str:
    """Return what kinds of files and objects are refused by name."""
    kinds = dict.fromkeys(name for _, _, name in _REFUSED)
    others = [f"{name} ({code})" for code, name in OTHER_MODALITIES.items()]
    return table(
        ("refused", "which"),
        [
            ("files of other kinds", sentence(f"{', '.join(kinds)}, text, and what is of no known kind")),
            ("DICOM objects of other modalities", sentence(", ".join(others))),
            ("DICOM objects that are no film", "Reports, presentation states, DICOMDIR and the like, by their name."),
            ("several at once", "Films of several frames, TIFFs of several pages, animated PNGs."),
            (
                "numbers that are no greys",
                "TIFFs of floating-point, signed or complex numbers, of 10 or 32 bits, CMYK, Lab.",
            ),
            ("codings", "JPEG extended of 12 bits; arithmetic and hierarchical JPEG; video."),
        ],
    )


def keys() -> str:
    """Return the viewer's keys, from the list that it shows itself."""
    text = files("ensemble_cam.ui").joinpath("viewer/viewer.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr><th>(.*?)</th><td>(.*?)</td></tr>", text)
    if not rows:
        raise ValueError("viewer.html: the list of keys is not where it was")
    return table(("key", "what it does"), ((f"**{key}**", sentence(what)) for key, what in rows))


def planted() -> str:
    """Return the findings that can be planted, and what each is drawn as."""
    told = {label: inspect.getdoc(PLANTERS[label]) or "" for label in FINDINGS}
    return table(("finding", "drawn as"), ((f"**{label}**", text.splitlines()[0]) for label, text in told.items()))


def refusals() -> str:
    """Return every sentence with which a film is refused, and what to do about it."""
    said = {}
    for text in _refusals():
        what, remedy = _parted(text)
        said.setdefault(what, remedy)
    return table(("it says", "what to do"), sorted(said.items()))


def _refusals() -> Iterator[str]:
    """Yield the texts of all `RadiographError`s that the film room raises; … stands for what differs."""
    for path in sorted(Path(str(files("ensemble_cam.film"))).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RadiographError":
                yield from filter(_is_told, map(_text, node.args))


def _is_told(text: str) -> bool:
    """Whether a text says something by itself: others are put together elsewhere."""
    return bool(text.strip("…"))


def _text(node: ast.expr) -> str:
    """Return a text as it is written in a program; empty where it stands elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.FormattedValue):
        return ACCEPTED if getattr(node.value, "id", "") == "ACCEPTED" else "…"
    return ""


def _parted(text: str) -> tuple[str, str]:
    """Return the fact and the remedy: what is told first, and the last sentence."""
    sentences = re.split(r"(?<=[.?]) (?=[A-Z])", text)
    return " ".join(sentences[:-1]) or text, sentences[-1] if len(sentences) > 1 else ""


TABLES = {
    "calls": calls,
    "films-read": films_read,
    "films-refused": films_refused,
    "keys": keys,
    "phantom-findings": planted,
    "film-refusals": refusals,
}
