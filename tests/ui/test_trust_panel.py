"""*Trust this map?* asked without a browser: measured on request, kept with the film, gone with it."""

import pytest
from streamlit.testing.v1 import AppTest

from ensemble_cam.errors import Cancelled
from ensemble_cam.ui.session.films import OpenFilm, SessionFilms
from ensemble_cam.ui.session.jobs import JobQueue
from ensemble_cam.ui.session.trusting import Asked, Trusting, measuring
from ensemble_cam.ui.trust import page as page_of
from support.networks import as_untrained, bright_classifier
from support.reviews import made_review, two_classifiers


def plainly(markdown: str) -> str:
    return markdown.replace("\\", "")


def shown(analysis, kept: Trusting, label: str = "Mass") -> AppTest:
    def page(analysis, kept, label):
        from ensemble_cam.ui.trust.panel import show_trust

        show_trust(lambda: kept, analysis, label, key="film")

    return AppTest.from_function(page, args=(analysis, kept, label), default_timeout=60).run()


def measured_on(page: AppTest, kept: Trusting) -> AppTest:
    next(each for each in page.button if each.label.startswith("Measure")).click().run()
    for _ in range(5):
        if (job := kept.measuring.job) is not None:
            assert job.wait(60)
            page.run()
    assert kept.measuring.job is None
    return page.run()


@pytest.fixture
def kept() -> Trusting:
    return Trusting()


@pytest.fixture(scope="module")
def analysis():
    return made_review(classifiers=two_classifiers()).analysis


def test_both_networks_maps_are_measured_and_stay_with_the_film(analysis, kept):
    page = shown(analysis, kept)
    assert [each.label for each in page.button] == ["Measure these 2 maps"]
    measured_on(page, kept)
    assert not page.exception
    assert page.button == [] or all(not each.label.startswith("Measure") for each in page.button)
    table = next(each.body for each in page.get("html") if "The network uses what it shows" in each.body)
    assert "Fine" in table
    assert "Coarse" in table
    assert any("of 3 measures" in plainly(each.value) or "no better" in plainly(each.value) for each in page.markdown)
    assert len(kept.found) == 2
    other = shown(analysis, kept, "Lung Lesion")
    assert [each.label for each in other.button] == [
        "Measure this map"
    ]  # one network knows it, and of it nothing is there


def test_what_means_nothing_is_struck_and_says_so(kept):
    analysis = made_review(classifiers=[as_untrained(bright_classifier("fine", logits={"Mass": 1.0}))]).analysis
    page = measured_on(shown(analysis, kept), kept)
    table = next(each.body for each in page.get("html") if "The network uses what it shows" in each.body)
    assert 'class="meaningless"' in table
    assert 'class="right"' not in table
    assert any("mean nothing" in plainly(each.value) for each in page.markdown)


def test_what_was_measured_is_not_measured_again_when_the_work_gave_way(analysis, kept):
    asked, queue = Asked("Mass", ("fine", "coarse"), False), JobQueue("test")
    job = queue.submit(measuring(kept, analysis, asked))
    assert job.wait(60)
    first = dict(kept.found)
    again = queue.submit(measuring(kept, analysis, asked))
    assert again.wait(60)
    assert again.outcome() == 0
    assert kept.found == first


def test_measuring_ends_when_it_is_stopped_and_keeps_what_is_there(analysis, kept):
    queue, done = JobQueue("test"), []
    work = measuring(kept, analysis, Asked("Mass", ("fine", "coarse"), False))
    job = queue.submit(work, wanted=lambda: not kept.found or done.append(1))
    assert job.wait(60)
    assert isinstance(job.outcome(), Cancelled)
    assert len(kept.found) == 1


def test_nothing_stays_of_a_film_that_is_removed(analysis):
    films = SessionFilms()
    film: OpenFilm = films.add("a.png", b"film")
    work = measuring(film.trusting, analysis, Asked("Mass", ("fine",), False))
    films.remove(film.id.number)
    job = JobQueue("test").submit(work)
    assert job.wait(60)
    assert film.trusting.found == {}


def reviewed_film(films: SessionFilms, name: str, analysis) -> OpenFilm:
    film = films.add(name, name.encode())
    film.reviewing.hold("any", analysis)
    return film


def dashboard(films: SessionFilms) -> AppTest:
    def page():
        from ensemble_cam.ui.trust.page import show_trust_page

        show_trust_page()

    made = AppTest.from_function(page, default_timeout=60)
    made.session_state["films"] = films
    return made.run()


def test_the_dashboard_measures_all_films_and_leaves_out_what_means_nothing(analysis):
    films = SessionFilms()
    meant = [reviewed_film(films, f"{number}.png", analysis) for number in range(3)]
    nothing = made_review(classifiers=[as_untrained(bright_classifier("fine", logits={"Mass": 1.0}))]).analysis
    reviewed_film(films, "nothing.png", nothing)
    films.add("not reviewed.png", b"not reviewed")
    page = dashboard(films)
    (button,) = page.button
    assert button.label == "Measure the first finding of 3 films"
    assert any("1 of 5 films were not reviewed" in each.value for each in page.caption)
    button.click().run()
    for film in meant:
        if film.trusting.measuring.job is not None:
            assert film.trusting.measuring.job.wait(60)
    page.run()
    assert not page.exception
    assert [len(film.trusting.found) for film in films.values()] == [2, 2, 2, 0, 0]
    means, maps = (each.body for each in page.get("html") if "lab-table" in each.body)
    assert "Fine" in means
    assert maps.count("<tr>") == 7
    assert page.button == [] or all(not each.label.startswith("Measure") for each in page.button)


def test_figures_leave_under_the_films_hash_and_never_its_name(analysis):
    films = SessionFilms()
    film = reviewed_film(films, "secret_name.png", analysis)
    measuring(film.trusting, analysis, Asked("Mass", ("fine",), False))(JobQueue("test").submit(lambda job: None))
    rows = page_of.rows_of(list(films.values()))
    text = page_of.table_of(rows)
    lines = text.splitlines()
    assert lines[0] == "film,finding,classifier,method,metric,value,meaningless"
    assert "secret_name" not in text
    assert all(line.startswith(film.id.sha256[:16]) for line in lines[1:])
    (one,) = film.trusting.found.values()
    mean, interval = page_of.beyond(rows, "deletion")
    assert mean == pytest.approx(one.elsewhere("deletion") - one.value("deletion"), abs=1e-6)
    assert interval is None


def test_measuring_that_was_stopped_offers_to_begin_again_and_nothing_else(analysis, kept):
    page = shown(analysis, kept)
    kept.ask(Asked("Mass", ("fine", "coarse"), False))
    kept.measuring.ended, kept.measuring._ended_key = "The measuring was stopped.", kept.asked
    page.run()
    assert [each.label for each in page.button] == ["Measure Mass again"]
    assert plainly(page.warning[0].value) == "The measuring was stopped."
    page.button[0].click().run()
    for _ in range(5):
        if (job := kept.measuring.job) is not None:
            assert job.wait(60)
            page.run()
    assert len(kept.found) == 2
