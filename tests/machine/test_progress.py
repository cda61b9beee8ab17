"""What is said of progress: texts, rates and times left, without a clock."""

import io

import pytest

from ensemble_cam.machine.terminal import Pace, TerminalLine, bar, films_per_second, fitted, status, time_left


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "about 5 s left"),
        (0.2, "about 5 s left"),
        (5.1, "about 10 s left"),
        (20, "about 20 s left"),
        (20.5, "about 30 s left"),
        (50, "about 50 s left"),
        (50.1, "about 1 min left"),
        (60, "about 1 min left"),
        (89, "about 1 min left"),
        (91, "about 2 min left"),
        (59.4 * 60, "about 59 min left"),
        (59.6 * 60, "about 1 h left"),
        (67 * 60, "about 1 h 10 min left"),
        (3 * 3600 - 20, "about 3 h left"),
        (27.5 * 3600, "about 27 h 30 min left"),
    ],
)
def test_time_left_is_said_no_finer_than_it_deserves(seconds, text):
    assert time_left(seconds) == text


@pytest.mark.parametrize(
    ("done", "total", "drawn"), [(0, 3, "    "), (1, 3, "█   "), (2, 3, "██  "), (299, 300, "███ "), (3, 3, "████")]
)
def test_bar_is_full_only_when_all_is_done(done, total, drawn):
    assert bar(done, total, width=4) == drawn


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (12.34, "12.3 films/s"),
        (1, "1.0 films/s"),
        (0.857, "0.86 films/s"),
        (0.1, "0.10 films/s"),
        (0.05, "3.0 films/min"),
    ],
)
def test_rate_is_said_by_the_minute_where_it_is_slow(rate, text):
    assert films_per_second(rate) == text


def test_status_shows_bar_count_rate_and_time_left_and_no_rate_before_there_is_one():
    assert status(0, 300, None) == f"[{' ' * 20}] 0/300"
    assert status(150, 300, 2.5) == f"[{'█' * 10}{' ' * 10}] 150/300 · 2.5 films/s · about 1 min left"


def test_pace_is_of_the_last_films_and_leaves_out_what_was_passed_over_and_its_time():
    pace = Pace(100.0)
    assert pace.rate is pace.mean_rate is None
    for step in range(1, 1001):
        pace.passed_over(100.0 + step / 100)
    assert pace.rate is pace.mean_rate is None

    for step in (1, 2):
        pace.did(110.0 + 2 * step)
    assert pace.rate == pace.mean_rate == pytest.approx(0.5)

    pace.passed_over(200.0)
    assert pace.rate == pytest.approx(0.5)
    for step in range(1, 301):
        pace.did(200.0 + step / 4)
    assert pace.rate == pytest.approx(4)
    assert pace.mean_rate == pytest.approx(302 / 79)


def test_pace_of_films_that_come_many_at_a_time_is_that_of_seconds():
    pace = Pace(0.0)
    rates = []
    for second in range(1, 61):
        for _ in range(200):
            pace.did(float(second))
            rates.append(pace.rate)
    assert all(rate == pytest.approx(200, rel=0.15) for rate in rates[12 * 200 :])


def test_pace_stands_a_clock_that_does_not_move():
    pace = Pace(1.0)
    pace.did(1.0)
    assert pace.rate is None


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("film.png", 8, "film.png"),
        ("film.png", 7, "film.p…"),
        ("胸部.png", 8, "胸部.png"),
        ("胸部.png", 7, "胸部.p…"),
        ("胸部", 3, "胸…"),
        ("胸部", 2, "…"),
        ("é" * 3, 3, "é" * 3),
        ("film", 0, ""),
    ],
)
def test_text_is_cut_to_the_columns_that_it_takes(text, columns, cut):
    assert fitted(text, columns) == cut


def test_passing_lines_replace_each_other_on_a_terminal_and_are_no_longer_than_it_is_wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    line = TerminalLine(stream)

    line.transient("a line that is longer than the terminal is wide")
    line.line("a line that stays, and is longer than the terminal is wide")

    passing, staying = stream.getvalue().split("\r\x1b[2K")[1:]
    assert passing == "a line that is lon…"
    assert staying == "a line that stays, and is longer than the terminal is wide\n"


def test_no_passing_line_and_no_control_character_goes_elsewhere():
    stream = io.StringIO()
    line = TerminalLine(stream)

    line.transient("passing")
    line.line("staying")

    assert stream.getvalue() == "staying\n"


def test_a_line_without_a_stream_says_nothing(capfd):
    line = TerminalLine(None)

    line.transient("passing")
    line.line("staying")

    assert capfd.readouterr() == ("", "")
