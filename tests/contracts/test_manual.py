"""The manual says what the program is: its tables are the code's, its pages have something that runs, and all that can
be chosen, written or met has its place in it.
"""

import inspect
import re
from collections.abc import Iterable, Iterator

import pytest
import tables
import tables_archive
import tables_command_line
import tables_project
import tables_review_json

import ensemble_cam
from ensemble_cam import errors
from ensemble_cam.api.options import NetworkOptions, Options
from ensemble_cam.archive import summary
from ensemble_cam.settings.login import LOGIN_KEYS
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.rules import CLASSIFIER_KEYS, SETTINGS
from ensemble_cam.settings.vocabulary import ARCHIVE_COLUMNS
from support.manual import DOCS, examples, headings, row_names

CHECKOUT = DOCS.parent
SOURCES = CHECKOUT / "src" / "ensemble_cam"

WITHOUT = {"contributing.md", *(f"{folder}/index.md" for folder in ("extending", "reference"))}
"""Pages that need no example and no table: the first has another file's words, the others list pages."""


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def assert_all_there(what: str, wanted: Iterable[str], found: Iterable[str], place: str) -> None:
    """Fail with a sentence that says what the manual lacks, and where it belongs."""
    there = set(found)
    missing = [name for name in wanted if name not in there]
    assert not missing, f"The manual has no {what} {', '.join(missing)}. Its place is docs/{place}."


def exceptions() -> Iterator[str]:
    for name, each in vars(errors).items():
        if inspect.isclass(each) and issubclass(each, errors.EnsembleCamError):
            yield name


def test_tables_are_what_the_code_says():
    known = tables.tables()
    stale = [
        str(path.relative_to(CHECKOUT))
        for path in tables.pages()
        if (text := path.read_text(encoding="utf-8")) != tables.filled(text, known)
    ]
    assert not stale, f"Tables of {', '.join(stale)} are not what the code says. Run `python docs/tables.py`."


def test_every_table_has_a_place():
    placed = {name for path in tables.pages() for name in tables.names_in(path.read_text(encoding="utf-8"))}
    assert_all_there(
        "place for the table",
        tables.tables(),
        placed,
        "one of the pages, between the comments that docs/tables.py names",
    )


def test_every_page_has_an_example_that_runs_or_a_table_from_the_code():
    bare = [
        name
        for path in sorted(DOCS.rglob("*.md"))
        if (name := path.relative_to(DOCS).as_posix()) not in WITHOUT
        and not name.startswith("gallery/")
        and not tables.names_in(text := path.read_text(encoding="utf-8"))
        and not list(examples(text))
    ]
    assert not bare, f"Nothing on {', '.join(bare)} is run or made from the code: a page that nothing holds drifts."


def test_every_command_has_a_heading():
    wanted = [f"ensemble-cam {name}" for name in tables_command_line.commands()]
    assert_all_there("heading for", wanted, headings(page("reference/command-line.md")), "reference/command-line.md")


def test_every_option_has_a_row():
    told = row_names(page("reference/command-line.md"))
    for name, parser in tables_command_line.commands().items():
        wanted = map(tables_command_line.spelling, tables_command_line.options(parser))
        assert_all_there(f"row for `{name}`'s", wanted, told, "reference/command-line.md, in the table of its command")


def test_every_setting_and_every_key_of_the_configuration_has_a_heading():
    told = headings(page("reference/configuration.md"))
    assert_all_there("heading for the setting", SETTINGS, told, "reference/configuration.md")
    assert_all_there("heading for the classifier's key", CLASSIFIER_KEYS, told, "reference/configuration.md")
    assert_all_there("heading for the login's key", LOGIN_KEYS, told, "reference/configuration.md")


def test_every_map_method_has_a_row_and_a_heading_with_its_formula():
    told = row_names(page("reference/methods.md"))
    assert_all_there("row for the method", METHODS, told, "reference/methods.md, in its first table")
    titles = [method.title for method in METHODS.values()]
    told = [title for heading in headings(page("method/formulas.md")) for title in heading.split(" and ")]
    assert_all_there("heading for the method", titles, told, "method/formulas.md")


def test_every_exception_has_a_heading():
    told = headings(page("reference/errors.md"))
    assert_all_there("heading for the exception", exceptions(), told, "reference/errors.md")


def test_every_key_of_a_record_has_a_row():
    wanted = [path for path, _ in tables_review_json.key_paths()]
    told = row_names(page("reference/review-json.md"))
    assert_all_there("row for review.json's", wanted, told, "reference/review-json.md")


def test_every_column_of_the_summary_has_a_row():
    told = row_names(page("reference/files.md"))
    assert_all_there("row for summary.csv's", summary.COLUMNS, told, "reference/files.md")


@pytest.mark.parametrize("name", ARCHIVE_COLUMNS)
def test_every_column_of_an_archive_has_its_meaning(name):
    assert list(tables_archive.HOLDS[name]) == list(ARCHIVE_COLUMNS[name])


def test_every_public_name_is_in_the_reference():
    entry = re.compile(r"^\.\. auto(?:function|class|exception):: ([\w.]+)(?:\(\))?$", re.MULTILINE)
    told = entry.findall(page("reference/api.md"))
    wanted = [name for name in ensemble_cam.__all__ if name != "__version__"]
    assert_all_there("entry for the public name", wanted, told, "reference/api.md")


def test_every_option_of_the_public_face_is_described():
    # The reference shows the docstring; what each setting means at length has its heading in the configuration.
    words = "\n".join(inspect.getdoc(each) or "" for each in (NetworkOptions, Options))
    told = re.findall(r"^\s+(\w+): ", words, re.MULTILINE)
    assert_all_there("line for the option", Options.__annotations__, told, "reference/api.md, by the docstrings")


def test_every_environment_variable_has_a_heading():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    told = headings(page("reference/environment.md"))
    named = sorted(set(re.findall(r"\bENSEMBLE_CAM_[A-Z_]+", code)))
    assert_all_there("heading for the variable", named, told, "reference/environment.md")


def test_every_word_of_the_glossary_says_what_it_stands_for():
    entries = dict(tables_project.glossary_entries())
    assert len(entries) > 20
    assert all(meaning.endswith((".", ")")) for meaning in entries.values())
    assert list(entries) == sorted(entries)


@pytest.mark.parametrize(
    ("text", "table", "expected"),
    [
        ("<!-- table: x -->\n<!-- end of table -->", "| a |", "<!-- table: x -->\n\n| a |\n\n<!-- end of table -->"),
        (
            "<!-- table: x -->\n\n| b |\n\n<!-- end of table -->\n<!-- table: x -->\n<!-- end of table -->",
            "| a |",
            "<!-- table: x -->\n\n| a |\n\n<!-- end of table -->\n<!-- table: x -->\n\n| a |\n\n<!-- end of table -->",
        ),
        ("no table", "| a |", "no table"),
    ],
)
def test_what_stands_in_a_tables_place_is_the_table(text, table, expected):
    assert tables.filled(text, {"x": lambda: table}) == expected
    assert tables.filled(expected, {"x": lambda: table}) == expected


def test_nothing_is_fetched_from_elsewhere():
    # Links that a reader may follow are no fetching.
    fetched = re.compile(r"""!\[[^\]]*\]\(https?:|<(?:img|script|link|iframe)[^>]*https?:|url\(['"]?https?:""")
    for path in [*DOCS.rglob("*.md"), *DOCS.rglob("*.css"), *DOCS.rglob("*.html")]:
        if "gallery" not in path.relative_to(DOCS).parts:
            assert not fetched.search(path.read_text(encoding="utf-8")), path


def test_a_heading_that_is_removed_is_missed():
    told = [each for each in headings(page("reference/configuration.md")) if each != "threshold"]
    with pytest.raises(
        AssertionError, match=r"no heading for the setting threshold\. Its place is docs/reference/conf"
    ):
        assert_all_there("heading for the setting", SETTINGS, told, "reference/configuration.md")


def test_links_of_pages_outside_of_the_manual_lead_somewhere():
    # Sphinx looks at its own pages.
    for name in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", (CHECKOUT / name).read_text(encoding="utf-8"))
        assert [link for link in links if not (CHECKOUT / link).exists()] == [], name


def test_the_citation_is_of_this_version():
    text = (CHECKOUT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", text, re.MULTILINE)[1] == ensemble_cam.__version__


def test_modules_and_folders_that_the_manual_names_are_there():
    """A room's module may be called without the path to the rooms: `film/decoder.py`."""
    path_as_code = re.compile(r"`((?:src|tests|docs|benchmarks|examples|findings)/[\w./-]*|[a-z_]+/[\w./-]*\.py)`")
    absent = [
        f"{path.name}: {named}"
        for path in [*DOCS.rglob("*.md"), CHECKOUT / "CONTRIBUTING.md"]
        if "gallery" not in path.relative_to(CHECKOUT).parts
        for named in path_as_code.findall(path.read_text(encoding="utf-8"))
        if not any((place / named).exists() for place in (CHECKOUT, SOURCES))
    ]
    assert not absent
