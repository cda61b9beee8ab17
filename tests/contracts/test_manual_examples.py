"""What the manual and the README show is what happens: their examples run as they stand, page by page.

All blocks of a page run in their order, in one fresh folder and one namespace; of `sh` blocks the lines that begin with
`ensemble-cam`. What is a server, a download or an output is fenced otherwise, but in the README, whose first lines are
for everybody: there a list says what is not run.
"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ensemble_cam.cli import main
from support.manual import DOCS, Example, examples

pytestmark = pytest.mark.slow

README = DOCS.parent / "README.md"

NOT_RUN: Mapping[str, str] = {
    "ensemble-cam app": "serves until it is stopped",
    "ensemble-cam weights fetch": "downloads",
    "ensemble-cam weights verify --against-upstream": "of released weights",
}
"""Beginnings of the README's lines that are not run, and why."""

PAGES = [
    path
    for path in [README, *sorted(DOCS.rglob("*.md"))]
    if "gallery" not in path.parts and any(examples(path.read_text(encoding="utf-8")))
]


def commands(example: Example) -> Iterator[str]:
    """Yield the commands of an `sh` block that are this program's, without `uv run` before them."""
    for line in example.text.replace("\\\n", " ").splitlines():
        command = line.strip().removeprefix("uv run ")
        if command.startswith("ensemble-cam ") and not command.startswith(tuple(NOT_RUN)):
            yield command


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS.parent).as_posix())
def test_examples_of_a_page_run_as_they_stand(page: Path, tmp_path, monkeypatch, own_home):
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shown = page.relative_to(DOCS.parent).as_posix()
    namespace: dict[str, object] = {"__name__": shown}
    for example in examples(page.read_text(encoding="utf-8")):
        if example.language == "python":
            # So many empty lines before it that a traceback names the page's own line.
            exec(compile("\n" * (example.line - 1) + example.text, shown, "exec"), namespace)
        for command in commands(example) if example.language == "sh" else ():
            code = main(shlex.split(command, comments=True)[1:])
            assert code == 0, f"{shown}, block at line {example.line}: `{command}` ended with {code}"


def test_a_page_that_promises_too_much_is_found(tmp_path, monkeypatch):
    (example,) = examples("# Page\n\n```sh\nuv run ensemble-cam phantom --out x --size 1   # too small\nls\n```\n")
    assert list(commands(example)) == ["ensemble-cam phantom --out x --size 1   # too small"]
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(next(commands(example)), comments=True)[1:]) == 2
