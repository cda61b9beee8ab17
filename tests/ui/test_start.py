"""What the terminal is told of the app's start."""

import pytest

from ensemble_cam import __version__
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.ui import start
from ensemble_cam.ui.start import Start

ADDRESS = "http://127.0.0.1:8501"


@pytest.mark.parametrize("begun", [True, False], ids=["by the command", "by streamlit run"])
def test_the_terminal_says_where_the_app_is_how_it_ends_and_where_films_go(capsys, begun):
    starting = Start()
    if begun:
        starting.begin()
        assert capsys.readouterr().out == f"Ensemble-CAM {__version__}. {PURPOSE}\n"
    starting.served(ADDRESS)
    said = capsys.readouterr().out
    assert ADDRESS in said
    assert "Ctrl-C" in said
    assert "none is sent or kept" in said
    starting.ready()
    assert capsys.readouterr().out == "", "it was ready at once"


def test_a_start_that_took_long_says_when_it_is_over(capsys, monkeypatch):
    monkeypatch.setattr(start, "_WORTH_A_WORD", 0.0)
    starting = Start()
    starting.begin()
    starting.served(ADDRESS)
    starting.ready()
    assert capsys.readouterr().out.endswith("Ready for films after 0 s.\n")
