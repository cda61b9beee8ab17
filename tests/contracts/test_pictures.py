"""The pictures of README and manual: each is there, shown somewhere, described in words, and can be made again."""

import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
DOCS, README = ROOT / "docs", ROOT / "README.md"
FOLDER = DOCS / "pictures"
MOST_BYTES = 1_500_000  # all of them together: who clones the project has them

_MARKDOWN = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<to>[^)\s]+)")
_DIRECTIVE = re.compile(r"\{(?:image|figure)\} (?P<to>\S+)\n(?:[^\n]*\n)*?:alt: (?P<alt>[^\n]*)")
_HTML = re.compile(r"<img\b[^>]*>")


def shown_in(page: Path) -> list[tuple[str, str]]:
    """Return the (address, alt text) of each picture that a page shows from a file."""
    text = page.read_text(encoding="utf-8")
    found = [(each["to"], each["alt"]) for pattern in (_MARKDOWN, _DIRECTIVE) for each in pattern.finditer(text)]
    for tag in _HTML.findall(text):
        written = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        found.append((written.get("src", ""), written.get("alt", "")))
    return [(to, alt) for to, alt in found if "pictures/" in to]


def every_picture_shown() -> list[tuple[Path, Path, str]]:
    """Return (page, picture, alt text) for each time a picture is shown."""
    pages = [README, *DOCS.rglob("*.md")]
    return [(page, (page.parent / to).resolve(), alt) for page in pages for to, alt in shown_in(page)]


def test_each_picture_that_a_page_shows_is_there_and_is_described():
    shown = every_picture_shown()
    assert shown
    assert [f"{page.name}: {picture.name}" for page, picture, _ in shown if not picture.is_file()] == []
    assert [f"{page.name}: {picture.name}" for page, picture, alt in shown if len(alt.split()) < 5] == []


def test_each_picture_is_shown_somewhere():
    shown = {picture for _, picture, _ in every_picture_shown()}
    assert [each.name for each in sorted(FOLDER.iterdir()) if each.resolve() not in shown] == []


def test_the_script_makes_each_picture_and_no_other():
    made = runpy.run_path(str(DOCS / "pictures.py"))["PICTURES"]
    assert sorted(f"{name}.png" for name in made) == sorted(each.name for each in FOLDER.iterdir())


def test_pictures_are_small_and_have_a_palette():
    files = sorted(FOLDER.glob("*.png"))
    assert sum(each.stat().st_size for each in files) < MOST_BYTES
    for each in files:
        with Image.open(each) as picture:
            assert picture.mode == "P", each.name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("![A film](../pictures/a.png)", [("../pictures/a.png", "A film")]),
        ("![](pictures/a.png)", [("pictures/a.png", "")]),
        ("```{figure} pictures/a.png\n:width: 9px\n:alt: A film\n```", [("pictures/a.png", "A film")]),
        ('<img width="9" src="docs/pictures/a.png" alt="A film">', [("docs/pictures/a.png", "A film")]),
        ('<img src="docs/pictures/a.png">', [("docs/pictures/a.png", "")]),
        ("![Build](https://example.org/badge.svg)", []),
    ],
)
def test_pictures_of_every_form_are_found(text, found, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text)
    assert shown_in(page) == found
