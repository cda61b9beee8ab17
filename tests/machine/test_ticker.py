"""A slow start says that it goes on; and byte code is made beside it, where there was none."""

import io
import re
import subprocess
import sys
import time

import pytest

from ensemble_cam.machine import terminal
from ensemble_cam.machine.compiling import compile_beside
from ensemble_cam.machine.terminal import TerminalLine, Ticker, ticking


class Screen(io.StringIO):
    """A terminal's stream."""

    def isatty(self) -> bool:
        return True


def until(reached) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(terminal, "_TICK", 0.01)


def test_a_ticker_says_again_and_again_what_is_done_and_for_how_long(quick):
    screen = Screen()
    ticker = Ticker(TerminalLine(screen), "Loading")
    assert screen.getvalue().endswith("Loading"), "at once, and without a time"
    until(lambda: screen.getvalue().count("Loading (0 s)") >= 2)
    ticker.now("Reading")
    until(lambda: "Reading (0 s)" in screen.getvalue())
    ticker.say("It is here.")
    assert re.search(r"\x1b\[2KIt is here\.\n\r\x1b\[2KReading", screen.getvalue())
    ticker.end("Ready.")
    ended = screen.getvalue()
    assert ended.endswith("\x1b[2KReady.\n")
    time.sleep(0.05)
    ticker.end("Twice.")
    assert screen.getvalue() == ended


def test_what_ticks_leaves_the_line_empty_whatever_happens(quick):
    screen = Screen()
    with pytest.raises(ValueError, match="broken"), ticking(TerminalLine(screen), "Loading"):
        raise ValueError("broken")
    assert screen.getvalue().endswith("\r\x1b[2K")


def test_where_no_terminal_is_nothing_ticks(quick):
    stream = io.StringIO()
    with ticking(TerminalLine(stream), "Loading"):
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_byte_code_is_made_beside_and_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    package = tmp_path / "large_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("print('never seen')")
    made = compile_beside(["large_package.part"])
    assert made.wait(60) == 0
    assert {path.name.split(".")[0] for path in package.rglob("*.pyc")} == {"__init__", "part"}
    assert compile_beside(["large_package.part"]) is None
    assert compile_beside(["no_such_package"]) is None


def test_no_byte_code_is_made_where_none_is_wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "unwanted.py").write_text("")
    assert compile_beside(["unwanted"]) is None


def test_the_server_speaks_before_it_loads_what_is_slow():
    code = "import sys, ensemble_cam.ui.serve; print(sorted({'streamlit', 'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
