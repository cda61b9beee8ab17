"""The phantom lab: what it counts and what it hides, asked without a browser."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ensemble_cam.errors import Cancelled
from ensemble_cam.phantom import FINDINGS, draw_phantom
from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.settings import Settings
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.ui.lab import judged
from ensemble_cam.ui.lab.stage import take_point
from ensemble_cam.ui.lab.state import Lab
from ensemble_cam.ui.lab.tally import ENSEMBLE, LEARNER, Answer, Outcome, Tally, answered, outcomes
from ensemble_cam.ui.lab.work import LabFilm, Wish, drawing
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.viewer.pointed import Pointed
from ensemble_cam.validation.localisation import Calls, judge
from support.networks import Failing, as_untrained, bright_classifier

PLANTED = ("Consolidation", "Mass")


@pytest.fixture(scope="module")
def film() -> LabFilm:
    return LabFilm.draw(Wish(seed=21, findings=PLANTED, difficulty=0.0, blind=False))


@pytest.fixture(scope="module")
def analysis(film) -> Analysis:
    """A review by one classifier that calls the first two findings, an empty one, one without operating points."""
    logits = {label: (2.0 if label in FINDINGS[:2] else -2.0) for label in FINDINGS}
    classifiers = [
        bright_classifier("bright", logits=logits),
        bright_classifier("empty", logits={"Mass": 3.0, "Nodule": 3.0}, slope=0.0),
        bright_classifier("bare", logits={"Edema": 1.0}, calibrated=False),
        bright_classifier("broken", logits={"Edema": 1.0}, backbone=Failing(RuntimeError("no"))),
    ]
    return analyse(film.radiograph, classifiers, Settings(labels=FINDINGS))


def test_a_lab_film_is_a_phantom_read_from_its_own_file(film):
    phantom = draw_phantom(21, findings=PLANTED, difficulty=0.0, size=640)
    assert film.radiograph.phantom
    assert np.array_equal(film.radiograph.source, phantom.pixels)
    assert list(film.masks) == list(PLANTED)


def test_outcomes_count_hits_overlaps_empty_maps_and_calls(film, analysis):
    found = outcomes(film, analysis)
    assert set(found) == {"bright", "empty", "bare", ENSEMBLE}  # the one that failed counts nowhere
    by_label = {finding.label: finding for finding in analysis.findings}
    expected = [judge(by_label[label].maps["bright"], film.masks[label]) for label in PLANTED]
    assert found["bright"].hits == tuple(each.hit for each in expected)
    assert found["bright"].ious == tuple(each.iou for each in expected)
    # Called: Atelectasis and Cardiomegaly. Planted: Consolidation and Mass.
    assert found["bright"].calls == Calls(true_positives=0, false_negatives=2, false_positives=2, true_negatives=4)
    assert (found["empty"].hits, found["empty"].ious, found["empty"].empty) == ((False,), (0.0,), 1)
    assert found["empty"].calls == Calls(true_positives=1, false_positives=1)
    assert found["bare"].calls == Calls()  # nothing is called without an operating point
    assert len(found[ENSEMBLE].hits) == 2


def test_what_means_nothing_counts_nowhere(film):
    trained = bright_classifier("bright", logits={"Mass": 2.0, "Consolidation": 2.0})
    seeded = as_untrained(bright_classifier("seeded", logits={"Mass": 2.0}))
    found = outcomes(film, analyse(film.radiograph, [trained, seeded], Settings(labels=PLANTED)))
    assert set(found) == {"bright", ENSEMBLE}
    assert (len(found["bright"].hits), found["bright"].calls.count) == (2, 2)
    assert (len(found[ENSEMBLE].hits), found[ENSEMBLE].calls.count) == (1, 1)  # in that of Mass the other has a part
    assert set(outcomes(film, analyse(film.radiograph, [trained, seeded], Settings(labels=("Mass",))))) == {"bright"}
    assert outcomes(film, analyse(film.radiograph, [seeded], Settings(labels=("Mass",)))) == {}


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """What the lab's tables put on the page."""
    told: list[str] = []
    for part in ("html", "markdown", "image"):
        monkeypatch.setattr(f"streamlit.{part}", lambda text, **_: told.append(text))
    return told


def test_scores_and_verdicts_that_mean_nothing_are_grey_and_struck(film, told):
    classifiers = [bright_classifier(id, logits={"Mass": 2.0}) for id in ("fine", "seeded")]
    classifiers[1] = as_untrained(classifiers[1])
    analysis = analyse(film.radiograph, classifiers, Settings(labels=("Mass",), ensemble_weights={"seeded": 0.0}))
    fine, seeded = (f"{analysis.result(id).scores['Mass']:.2f}" for id in ("fine", "seeded"))
    judged.show_scores(film, analysis)
    assert f'<td class="right" title="right">{fine} ✓</td>' in told[-1]
    assert f'<td class="meaningless" title="meaningless">{seeded}</td>' in told[-1]
    judged.show_verdicts(film, analysis, "Mass", 0.5)
    rows = told[-1].split("<tr>")[2:]
    # The ensemble's, the first one's, and the other's, of which score, point and overlap are.
    assert [row.count('class="meaningless"') for row in rows] == [0, 0, 1]


def test_how_maps_stand_to_the_truth_follows_the_threshold(film, analysis, told):
    (finding,) = [finding for finding in analysis.findings if finding.label == "Mass"]
    for threshold in (0.2, 0.8):
        judged.show_verdicts(film, analysis, "Mass", threshold)
        found = judge(finding.maps["bright"], film.masks["Mass"], threshold=threshold)
        row = next(row for row in told[-1].split("<tr>") if "Bright" in row)
        assert f">{found.iou:.2f}<" in row
        assert (">hit ✓<" if found.hit else ">miss ✗<") in row
        assert f"IoU from {threshold:.2f} on" in told[-1]
    judged.show_verdicts(film, analysis, "Nodule", 0.5)
    assert "Nodule (not planted)" in told[-1]
    assert "hit" not in told[-1]


def test_truth_marks_and_hottest_points_lie_over_the_film_at_their_pixels(film, analysis):
    over = judged.planted(film, analysis, {"Mass": (12, 34)}, truth=True).header()
    assert over["marks"] == [{"name": "Mass", "at": [12.5, 34.5]}]
    (finding,) = [finding for finding in analysis.findings if finding.label == "Mass"]
    x, y = finding.maps["bright"].hottest
    assert over["hottest"]["Mass bright"] == [x + 0.5, y + 0.5]
    assert over["judged"]["Mass bright"] == ("hit" if judge(finding.maps["bright"], film.masks["Mass"]).hit else "miss")
    assert "Mass empty" not in over["hottest"]
    points = np.array([point for line in over["contours"] for point in line]) - 0.5
    ys, xs = np.nonzero(film.masks["Mass"] | film.masks["Consolidation"])
    assert points.min(axis=0).tolist() == [xs.min(), ys.min()]
    assert points.max(axis=0).tolist() == [xs.max(), ys.max()]
    assert judged.planted(film, analysis, {}, truth=False).header()["contours"] == []


def test_an_answer_is_judged_by_its_marks_and_by_what_it_names_and_leaves_out(film):
    ys, xs = np.nonzero(film.masks["Mass"])
    inside = int(xs[0]), int(ys[0])
    given = Answer(("Mass", "Consolidation", "Edema"), {"Mass": inside, "Consolidation": (3, 3), "Edema": (9, 9)})
    outcome = answered(film, given)
    assert sorted(outcome.hits) == [False, True]  # a mark of what is not there is no miss: the call is wrong
    assert outcome.calls == Calls(true_positives=2, false_positives=1, true_negatives=5)
    assert answered(film, Answer((), {})).calls == Calls(false_negatives=2, true_negatives=6)


def test_a_tally_counts_every_film_once_for_each_reader_and_begins_anew():
    one = Outcome("One", (True,), (0.5,), 0, Calls(true_positives=1))
    two = replace(one, name="Two", hits=(False,))
    tally = Tally()
    assert tally.wants(("a", "teaching"), ["one"])
    tally.take(("a", "teaching"), {"one": one})
    assert not tally.wants(("a", "teaching"), ["one"])
    assert tally.wants(("a", "teaching"), ["one", "two"])  # it was added later
    tally.take(("a", "teaching"), {"one": two, "two": two})
    assert tally.of("teaching", answered_only=False) == {"one": [two], "two": [two]}  # as they are now
    tally.take(("b", "teaching"), {"one": two, LEARNER: one})
    tally.take(("b", "clinical"), {"other": two})
    assert tally.of("teaching", answered_only=False)["one"] == [two, two]
    assert tally.of("teaching", answered_only=True) == {"one": [two], LEARNER: [one]}
    tally.reset(("b", "teaching"))
    assert tally.films == {}
    assert not tally.wants(("b", "teaching"), ["one"])  # it is still on the screen, and was counted
    tally.take(("a", "teaching"), {"one": one})
    assert tally.wants(("b", "teaching"), ["one"])  # it has been away


def outcome_of(slot: Slot, key: object, work) -> object:
    for _ in range(200):
        value = slot.get(key, work)
        if slot.job is None:
            return value
    pytest.fail("the work did not end")


def test_work_is_done_once_for_each_key_and_stopped_work_waits_until_it_is_asked_for_again():
    runs, begun = [], threading.Event()

    def work(job):
        runs.append(len(runs))
        return runs[-1]

    def endless(job):
        begun.set()
        while not job.stopped():
            time.sleep(0.01)
        raise Cancelled("Stopped.")

    def failing(job):
        raise KeyError("secret")

    slot = Slot("work")
    assert outcome_of(slot, "a", work) == 0
    assert outcome_of(slot, "a", work) == 0
    assert outcome_of(slot, "b", work) == 1
    assert slot.get("c", endless) is None
    begun.wait(10)
    slot.stop()
    assert outcome_of(slot, "c", endless) is None
    assert slot.ended == "The work was stopped."
    assert slot.get("c", work) is None  # not begun anew by itself
    slot.begin_anew()
    assert outcome_of(slot, "c", work) == 2
    assert slot.ended is None
    assert outcome_of(slot, "d", failing) is None
    assert "KeyError" in slot.ended
    assert "secret" not in slot.ended


def test_a_run_of_the_page_that_is_over_does_not_fight_the_one_that_followed_it():
    slot, begun, got = Slot(), [], {}

    def work_of(key):
        def work(job):
            begun.append(key)
            for _ in range(20):
                time.sleep(0.01)
                if job.stopped():
                    raise Cancelled("Stopped.")
            return key

        return work

    def run(key):
        got[key] = slot.get(key, work_of(key), patience=10)  # it waits, on a busy machine, too

    threads = [threading.Thread(target=run, args=(key,), daemon=True) for key in ("old", "new")]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert begun.count("old") <= 1
    assert begun.count("new") == 1
    assert got == {"old": None, "new": "new"}


def test_a_click_that_comes_in_late_or_from_nowhere_marks_nothing(film):
    lab = Lab(wish=film.wish)
    lab.drawing.hold("film", film)
    clicks = [
        Pointed("another", "Mass", (320.5, 160.2), 1),
        Pointed(film.sha256, "None", (320.5, 160.2), 2),
        Pointed(film.sha256, "Mass", (1.0, 1.0), 2),  # told again
    ]
    assert [take_point(lab, click) for click in clicks] == [False] * 3
    assert lab.marks == {}
    assert take_point(lab, Pointed(film.sha256, "Mass", (320.5, 160.2), 3))
    assert take_point(lab, Pointed(film.sha256, "Edema", (-5, 9999), 4))
    assert lab.marks == {"Mass": (320, 160), "Edema": (0, 639)}
    lab.revealed = True
    assert not take_point(lab, Pointed(film.sha256, "Mass", (5, 5), 5))


@pytest.mark.parametrize("told", [None, {}, {"film": "a", "target": "Mass", "point": [1], "serial": 1}, {"film": None}])
def test_what_is_no_point_is_taken_as_none(told):
    assert Pointed.of(told) is None
    assert Pointed.of({"film": "a", "target": "Mass", "point": [1, 2.5], "serial": 3}) == Pointed(
        "a", "Mass", (1, 2.5), 3
    )


def test_a_blind_film_is_never_one_whose_truth_was_seen():
    lab = Lab()
    lab.want(Wish(seed=3, findings=None, difficulty=None, blind=False))
    lab.want(Wish(seed=4, findings=None, difficulty=None, blind=True))
    assert lab.known == {3}
    lab.want(Wish(seed=5, findings=None, difficulty=None, blind=True))
    assert lab.known == {3}  # the fourth was never revealed


def test_two_runs_of_a_page_that_overlap_get_the_same_outcome_of_one_job():
    slot, runs, got = Slot(), [], []

    def work(job):
        time.sleep(0.02)
        runs.append(1)
        return len(runs)

    for key in range(1, 21):

        def ask(key=key):
            got.append(slot.get(key, work, patience=30))  # it waits, on a busy machine, too

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(runs) == key
        assert got[-4:] == [key] * 4


def test_a_film_asked_for_again_while_it_is_drawn_is_drawn_all_the_same():
    slot, wish = Slot(), Wish(3, (), 0.0, blind=False)
    slot.get(wish, drawing(wish))
    slot.begin_anew()
    film = outcome_of(slot, wish, drawing(wish))
    assert film.masks == {}
    assert slot.ended is None


# The pages, without a browser


@pytest.fixture
def lab_page(tmp_path, monkeypatch):
    """A function that opens the lab, with the teaching set's weights alone unless a folder of others is given."""

    def show() -> None:
        from ensemble_cam.ui.lab.page import show_lab

        show_lab()

    def open_one(weights_dir=None) -> AppTest:
        for name in ("HOME", "USERPROFILE"):
            monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.setenv("ENSEMBLE_CAM_WEIGHTS", str(weights_dir or tmp_path))
        return AppTest.from_function(show, default_timeout=120).run()

    return open_one


def text(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.error, page.info, page.get("html"))
    shown = (str(getattr(each, "value", None) or each.proto.body) for kind in kinds for each in kind)
    return " ".join(shown).replace("\\", "")


def reviewed(page: AppTest) -> AppTest:
    for _ in range(400):
        assert not page.exception
        lab = page.session_state["lab"]
        if lab.drawing.job is None and lab.reviewing.job is None:
            return page
        time.sleep(0.1)
        page.run()
    pytest.fail("the review did not end")


def draw(page: AppTest, seed: int) -> AppTest:
    next(each for each in page.number_input if each.label == "Seed").set_value(seed)
    page.button(key="lab draw").click().run()
    return reviewed(page)


def test_films_are_counted_once_and_the_tally_can_be_reset(lab_page):
    page = draw(lab_page(), 5)
    assert "Teaching set: trained on synthetic phantoms, never on patients" in text(page)
    assert "1 film<" in text(page)
    page.toggle(key="lab truth").set_value(False).run()
    assert "1 film<" in text(page)
    draw(page, 6)
    assert "2 films<" in text(page)
    draw(page, 5)
    assert "2 films<" in text(page)
    tally = page.session_state["lab"].tally
    assert len(tally.films) == 2
    page.button(key="lab reset").click().run()
    assert "No film is counted yet" in text(page)
    draw(page, 6)
    assert "1 film<" in text(page)


def test_a_classifier_that_is_left_out_by_default_can_be_added_and_changes_no_ensemble(lab_page):
    page = draw(lab_page(), 5)
    before = page.session_state["lab"].tally.of("teaching", answered_only=False)[ENSEMBLE]
    assert "Teaching shortcut" not in text(page)
    page.toggle(key="lab use teaching-shortcut").set_value(True).run()
    reviewed(page)
    assert "Teaching shortcut" in text(page)
    page.button(key="lab reset").click().run()
    draw(page, 6)
    draw(page, 5)
    with_it = page.session_state["lab"].tally.of("teaching", answered_only=False)
    assert with_it[ENSEMBLE][-1] == before[0]
    assert len(with_it["teaching-shortcut"]) == 2


def test_maps_of_networks_that_were_never_trained_wait_until_they_are_asked_for(lab_page, monkeypatch):
    default_choices = networks.default_choices

    def untrained(config, set):
        return tuple(replace(each, weights=UNTRAINED) for each in default_choices(config, set)[:1])

    monkeypatch.setattr(networks, "default_choices", untrained)
    page = draw(lab_page(), 5)
    assert MEANINGLESS_LINE in text(page)
    assert 'class="meaningless"' in text(page)
    assert "No film is counted yet" in text(page)
    assert "Hottest point" not in text(page)
    next(each for each in page.button if each.label.startswith("Show anyway")).click().run()
    assert MEANINGLESS_LINE not in text(page)
    assert "Hottest point" in text(page)
    draw(page, 6)
    assert "Hottest point" not in text(page)


def test_the_clinical_set_is_offered_where_its_weights_are_and_warned_of(lab_page, weights_dir):
    page = lab_page(weights_dir)
    page.button_group(key="lab set").set_value("clinical").run()
    draw(page, 5)
    assert "A drawn phantom, not a patient" in text(page)
    assert "Teaching set: trained" not in text(page)
    assert "JF Healthcare" in text(page)
    found = page.session_state["lab"].tally.of("clinical", answered_only=False)
    assert found["jfhealthcare"][0].calls == Calls()
    # Without the weights there is nothing to choose.
    assert not [each for each in lab_page().button_group if each.key == "lab set"]


def test_a_failed_review_says_why_and_waits_until_it_is_asked_for_again(lab_page, monkeypatch):
    from ensemble_cam.ui.session import networks

    def failing(*_):
        raise MemoryError

    page = lab_page()
    with monkeypatch.context() as patch:
        patch.setattr(networks, "load", failing)
        draw(page, 5)
        page.toggle(key="lab truth").set_value(False).run()
        assert "ran out of memory" in text(page)
    page.button(key="again lab reviewing").click().run()
    reviewed(page)
    assert "1 film<" in text(page)


def test_nothing_of_a_blind_film_is_sent_before_the_answer(lab_page):
    page = lab_page()
    next(each for each in page.toggle if each.label == "Read blind").set_value(True).run()
    draw(page, 5)
    lab = page.session_state["lab"]
    assert lab.reviewing.ended is None
    assert not lab.revealed
    assert lab.tally.films == {}
    main = text(page)
    assert not any(word in main for word in ("planted", "called", "Ensemble", "Hit", "Miss", "difficulty", "✓", "✗"))
    assert "Hottest point" not in main
    next(each for each in page.button if each.label == "Show without an answer").click().run()
    assert "planted" in text(page)
    assert "Ensemble" in text(page)
    assert lab.tally.films
    assert LEARNER not in next(iter(lab.tally.films.values()))  # looking is no answer
    # It cannot be read blind any more, and that is said.
    page.button(key="lab draw").click().run()
    assert [each.value for each in page.toast] == ["The truth of phantom 5 was seen already: another one is drawn."]
    assert lab.seed != 5
    reviewed(page)
    page.button(key="lab draw").click().run()
    assert not page.toast
