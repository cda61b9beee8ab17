"""Names of files are shown so that no terminal, page or spreadsheet obeys them, and no two of them alike."""

import os

import pytest

from ensemble_cam.machine import names
from ensemble_cam.machine.names import cell, escaped, one_line


@pytest.fixture(params=["/", "\\"], ids=["posix", "windows"])
def separator(request, monkeypatch) -> str:
    monkeypatch.setattr(names.os, "sep", request.param)
    return request.param


@pytest.mark.usefixtures("separator")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Müller 胸 v2.1 (ß).png", "Müller 胸 v2.1 (ß).png"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x07\x7f", r"\x1b[2J\x07\x7f"),
        ("\x85\x9b31m", r"\x85\x9b31m"),  # line break and control sequence of one byte
        ("gnp.\u202efcp.exe\u2066\u200f", r"gnp.\u202efcp.exe\u2066\u200f"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("a\u00a0b\u200bc\ufeff", r"a\xa0b\u200bc\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        (os.fsdecode(b"bad\xff.png") if os.name == "posix" else "bad\udcff.png", r"bad\udcff.png"),
    ],
)
def test_what_would_be_obeyed_is_written_out(name, shown):
    assert escaped(name) == one_line(name) == shown
    assert shown.isprintable()


def test_a_backslash_in_a_name_is_doubled_and_one_between_folders_is_not(separator):
    assert escaped("a\\x1b") == ("a\\\\x1b" if separator == "/" else "a\\x1b")
    assert one_line("a\\x1b") == "a\\x1b"


def test_no_two_names_are_shown_alike(monkeypatch):
    monkeypatch.setattr(names.os, "sep", "/")
    given = ["\x1b", "\\x1b", "\\\\x1b", "\\\x1b", "\\", "\\\\", "=1", "\\=1", "\\\\=1"]
    assert len({escaped(each) for each in given}) == len({cell(each) for each in given}) == len(given)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "＝1+1"])
def test_no_name_is_a_formula_in_a_cell(name):
    assert cell(name).startswith("\\")
    assert cell(f"a{name}") == escaped(f"a{name}")
