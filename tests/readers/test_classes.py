"""Class sets: the code, what it stands for, the file that is handed in, and the teacher's table."""

import json
import random
from dataclasses import replace
from itertools import combinations, product

import classes as drawn_classes
import numpy as np
import pytest
from scipy import stats

from ensemble_cam.errors import ConfigError
from ensemble_cam.phantom import FINDINGS, OPERATING_POINT_SEEDS, TRAINING_SEEDS
from ensemble_cam.readers import classes
from ensemble_cam.readers.class_answers import (
    Answers,
    FilmAnswer,
    Named,
    answers_file,
    learning,
    over_time,
    read_answers,
)
from ensemble_cam.readers.class_table import class_table
from ensemble_cam.readers.classes import LETTERS, MOST_FILMS, SECONDS, SEEDS, ClassSet, Difficulty
from ensemble_cam.validation.statistics import clopper_pearson, clustered_share

ONE = ClassSet(4711, 6, Difficulty.MEDIUM, ("Effusion", "Mass"), 60)


def discs(of, number, difficulty):
    return drawn_classes.discs(of, number, difficulty)


def test_a_code_is_twelve_letters_and_stands_for_all_of_its_set():
    chance = random.Random(5)
    ends = [(0, 1, (FINDINGS[0],), SECONDS[0]), (SEEDS - 1, MOST_FILMS, FINDINGS, SECONDS[-1])]
    drawn = [
        (chance.randrange(SEEDS), 1 + chance.randrange(MOST_FILMS), chance.choice([*combinations(FINDINGS, 3)]), 30)
        for _ in range(100)
    ]
    codes = set()
    for (seed, count, findings, seconds), difficulty in product([*ends, *drawn], Difficulty):
        one = ClassSet(seed, count, difficulty, findings, seconds)
        assert ClassSet.of(one.code) == one
        assert ClassSet.of(one.code.lower().replace("-", " ")) == one
        letters = one.code.replace("-", "")
        assert len(letters) == 12
        assert set(letters) <= set(LETTERS)
        codes.add(one.code)
    assert len(codes) == 102 * len(Difficulty)


def test_any_two_wrong_letters_and_any_two_that_changed_places_are_seen():
    letters = ONE.code.replace("-", "")
    wrong = {letters[:i] + letter + letters[i + 1 :] for i in range(12) for letter in LETTERS} - {letters}
    assert len(wrong) == 12 * 22
    pairs = random.Random(1).sample([*combinations(range(12), 2)], 20)
    for (i, j), one, other in product(pairs, LETTERS[::3], LETTERS[1::4]):
        wrong.add(letters[:i] + one + letters[i + 1 : j] + other + letters[j + 1 :])
    wrong |= {letters[:i] + letters[j] + letters[i + 1 : j] + letters[i] + letters[j + 1 :] for i, j in pairs}
    for code in wrong - {letters}:
        with pytest.raises(ConfigError, match="slip in this code"):
            ClassSet.of(code)


def test_a_slip_of_one_letter_is_told_with_its_place():
    letters = ONE.code.replace("-", "")
    other = "A" if letters[4] != "A" else "B"
    with pytest.raises(ConfigError, match=r"if one letter alone is wrong, it is number 5\."):
        ClassSet.of(letters[:4] + other + letters[5:])
    with pytest.raises(ConfigError, match="has 12 letters, and this has 11"):
        ClassSet.of(letters[:-1])
    with pytest.raises(ConfigError, match="No code has a “0” in it"):
        ClassSet.of("0" + letters[1:])


def test_a_code_of_other_phantoms_is_refused_by_their_version(monkeypatch):
    monkeypatch.setattr(classes, "VERSION", 1)
    code = ONE.code
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="phantoms of version 1, and this program draws version 2"):
        ClassSet.of(code)


def test_what_a_code_stands_for_stays_what_it_is():
    """As codes are handed on: another film under the same code would be a false answer."""
    one = ClassSet.of(ClassSet(123456, 20).code)
    assert one.code == "APWB-NLSX-JCJH"
    assert [film.seed for film in one.films[:3]] == [123456, 741489, 359522]
    assert [film.findings for film in one.films[:3]] == [("Pneumothorax",), ("Edema",), ("Mass",)]
    assert one.films[3].findings == ("Consolidation", "Nodule")


@pytest.mark.parametrize("findings", [FINDINGS, ("Mass",), ("Edema", "Mass", "Nodule")])
def test_films_of_a_set_differ_are_new_to_the_networks_and_have_each_finding_about_as_often(findings):
    of = ClassSet(999_999, MOST_FILMS, findings=findings)
    assert len({film.seed for film in of.films}) == MOST_FILMS
    assert all(film.seed not in TRAINING_SEEDS and film.seed not in OPERATING_POINT_SEEDS for film in of.films)
    counts = [sum(label in film.findings for film in of.films) for label in findings]
    assert max(counts) - min(counts) <= 2
    assert sum(counts) == sum(len(film.findings) for film in of.films)
    normal = sum(not film.findings for film in of.films)
    assert stats.binom.ppf(0.001, MOST_FILMS, 0.2) <= normal <= stats.binom.ppf(0.999, MOST_FILMS, 0.5)
    assert ClassSet(999_999, 7, findings=findings).films == of.films[:7]


def test_difficulty_that_follows_settles_where_three_films_in_four_are_right():
    of = replace(ONE, count=MOST_FILMS, difficulty=Difficulty.FOLLOWS)
    assert of.difficulty_of(1, []) == 0.3
    assert of.difficulty_of(3, [True, True]) == 0.5
    assert of.difficulty_of(4, [True, True, False]) == 0.2
    assert of.difficulty_of(50, [True] * 49) == 1.0
    assert replace(of, difficulty=Difficulty.ANY).difficulty_of(3, [True, True]) is None
    random_ = np.random.default_rng(3)
    right: list[bool] = []
    for number in range(1, 4001):
        hard = of.difficulty_of(number, right)
        right.append(bool(random_.random() < 1 / (1 + np.exp(8 * (hard - 0.7)))))
    assert np.mean(right[100:]) == pytest.approx(0.75, abs=0.02)


def answers(name="Ann", *films):
    return Answers(ONE, name, films, began="2026-03-04T10:00:00+00:00")


def test_what_is_handed_in_is_read_as_it_was_written():
    named = {"Mass": Named(80, (3, 639)), "Effusion": Named(50)}
    one = answers("Zoë 1", FilmAnswer(1, named, 12.3), FilmAnswer(2))
    read = read_answers(answers_file(one))
    assert (read.set, read.student, read.began) == (one.set, one.student, one.began)
    assert [dict(film.named) for film in read.films] == [named, {}]
    assert [film.seconds for film in read.films] == [12.3, 0.0]


BROKEN = {
    "no JSON": lambda told: b"{",
    "another kind": lambda told: {**told, "kind": "review"},
    "no films": lambda told: {**told, "films": None},
    "one left out": lambda told: {**told, "films": [{**told["films"][0], "film": 2}]},
    "too many": lambda told: {**told, "films": [{**told["films"][0], "film": n + 1} for n in range(7)]},
    "not a time": lambda told: {**told, "films": [{**told["films"][0], "seconds": float("nan")}]},
    "deep": lambda told: b"[" * 100_000,
    "large": lambda told: b" " * (1 << 21),
    **{
        what: lambda told, change=change: {
            **told,
            "films": [{**told["films"][0], "named": [{**told["films"][0]["named"][0], **change}]}],
        }
        for what, change in {
            "a finding that is not asked": {"finding": "Edema"},
            "no finding": {"finding": ["Mass"]},
            "no confidence": {"confidence": 70},
            "a truth as a confidence": {"confidence": True},
            "a mark beside the film": {"at": [640, 1]},
            "no mark": {"at": [1]},
            "half a pixel": {"at": [1.5, 2]},
        }.items()
    },
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_none_is_refused_in_a_sentence(what):
    told = json.loads(answers_file(answers("Ann", FilmAnswer(1, {"Mass": Named(80, (5, 5))}))))
    broken = BROKEN[what](told)
    with pytest.raises(ConfigError, match="This is no file of answers"):
        read_answers(broken if isinstance(broken, bytes) else json.dumps(broken).encode())


def test_a_learners_curve_goes_over_several_sets_in_the_order_in_which_they_began():
    later, other = replace(ONE, seed=9), replace(ONE, seed=10)

    def said(of, began, *right, student="Ann"):
        films = [
            FilmAnswer(film.number, dict.fromkeys(film.findings if good else (FINDINGS[0],), Named(80)))
            for film, good in zip(of.films, right, strict=False)
        ]
        return Answers(of, student, tuple(films), began)

    one, two = said(ONE, "2026-03-01", True, False), said(later, "2026-03-02", False, True, True)
    early, bea = said(later, "2026-03-02", False), said(other, "2026-03-01", True, student="Bea")
    assert over_time([two, bea, one, early], "Ann") == [True, False, False, True, True]
    assert over_time([two, one], "Bea") == []


def test_a_name_that_is_none_is_refused():
    for name in ("", " ", "x" * 65, "a\nb"):
        with pytest.raises(ConfigError, match="The name has 1 to 64 characters"):
            read_answers(answers_file(answers(name)))


def test_the_table_counts_what_was_found_spared_hit_and_overlooked():
    films = ONE.films
    planted = next(film for film in films if film.findings)
    label = planted.findings[0]
    y, x = (int(each[0]) for each in np.nonzero(discs(ONE, planted.number, None)[label]))
    right = tuple(
        FilmAnswer(
            film.number,
            {each: Named(90, (x, y) if (film, each) == (planted, label) else None) for each in film.findings},
            10,
        )
        for film in films
    )
    wrong = tuple(FilmAnswer(film.number, {"Mass": Named(99)} if not film.findings else {}, 30) for film in films)
    table = class_table([answers("Bea", *wrong), answers("Ann", *right)], truth=discs)
    count = sum(len(film.findings) for film in films)
    normal = sum(not film.findings for film in films)
    assert count
    assert normal
    assert table.students == ("Ann", "Bea")
    ann, bea, both = (table.skill(student=name) for name in ("Ann", "Bea", None))
    assert (ann.found.part, ann.found.whole, ann.hits.part, ann.hits.whole) == (count, count, 1, 1)
    assert (ann.spared.part, ann.spared.whole) == (12 - count, 12 - count)
    assert (bea.found.part, bea.spared.part, bea.hits.value) == (0, 12 - count - normal, None)
    assert both.found.value == 0.5
    assert ann.excess.value == pytest.approx(-0.1)  # 90 % sure, always right
    assert bea.excess.value == pytest.approx(0.99)
    assert [(level.confidence, level.right.value) for level in table.levels()] == [(90, 1.0), (99, 0.0)]
    assert table.rights("Ann") == [True] * 6
    assert learning([True, False, True, True, True, True]) == (1.0, 0.5, 2 / 3, 0.75, 0.8, 0.8)
    hardest = table.hardest()
    assert [(each.right, each.answered, each.seconds) for each in hardest] == [(1, 2, 20)] * 6
    assert {label for each in hardest for label in each.overlooked} == {"Effusion", "Mass"}
    assert sum(sum(each.invented.values()) for each in hardest) == normal


def test_a_mark_beside_the_truth_is_no_hit_and_films_are_drawn_only_where_a_mark_has_to_be_judged():
    asked = []

    def truth(of, number, difficulty):
        asked.append((number, difficulty))
        return discs(of, number, difficulty)

    planted = next(film for film in ONE.films if film.findings)
    label = planted.findings[0]
    mask = discs(ONE, planted.number, None)[label]
    far = next(
        (x, y) for x in (5, 634) for y in (5, 634) if not mask[max(0, y - 80) : y + 80, max(0, x - 80) : x + 80].any()
    )
    films = [
        FilmAnswer(number, {label: Named(50, far)} if number == planted.number else {})
        for number in range(1, planted.number + 1)
    ]
    table = class_table([answers("Ann", *films)], truth=truth)
    assert (table.skill().hits.part, table.skill().hits.whole) == (0, 1)
    assert asked == [(planted.number, 0.5)]


def test_files_that_do_not_belong_together_are_told():
    one = answers("Ann", FilmAnswer(1), FilmAnswer(2))
    with pytest.raises(ConfigError, match="No file of answers was handed in"):
        class_table([])
    with pytest.raises(ConfigError, match="of several sets"):
        class_table([one, Answers(replace(ONE, seed=1), "Bea")], truth=discs)
    with pytest.raises(ConfigError, match="Two files that differ go by the name Ann"):
        class_table([one, answers("Ann", FilmAnswer(1, {"Mass": Named(50)}))], truth=discs)
    table = class_table([one, answers("Ann", FilmAnswer(1))], truth=discs)  # handed in early, and again
    assert len(table.handed_in["Ann"].films) == 2


def test_drawn_classes_lie_in_the_intervals_of_their_table():
    held: dict[str, list[bool]] = {}
    for seed in range(5):
        for what, holds in drawn_classes.one_class(500 + seed, size=12, count=16):
            held.setdefault(what.split(" ", 1)[0], []).append(holds)
    assert np.mean(held["class"]) > 0.93
    assert np.mean(held["student"]) > 0.93


def test_a_share_over_clusters_is_the_plain_one_where_each_has_one_answer_and_wider_where_they_agree():
    single = clustered_share([1] * 60 + [0] * 140, [1] * 200)
    assert single == pytest.approx(clopper_pearson(60, 200), abs=0.004)
    alike = clustered_share([5] * 12 + [0] * 28, [5] * 40)
    assert alike == pytest.approx(clustered_share([1] * 12 + [0] * 28, [1] * 40), abs=0.005)
    assert clustered_share([], []) is None
    assert clustered_share([3], [5]) == (0.0, 1.0)
    assert clustered_share([30] * 9, [30] * 9) == pytest.approx((clopper_pearson(9, 9)[0], 1.0))
    # Korn and Graubard with the variance of a ratio, by statsmodels' survey-like sandwich: a cluster-robust mean.
    import statsmodels.api as sm

    parts, wholes = [3, 5, 1, 4, 2, 5, 0, 3], [5, 5, 4, 5, 5, 5, 3, 5]
    answers_ = np.concatenate([[1] * p + [0] * (w - p) for p, w in zip(parts, wholes, strict=True)])
    groups = np.repeat(np.arange(8), wholes)
    fit = sm.OLS(answers_, np.ones(len(answers_))).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    share, variance, n = answers_.mean(), float(fit.bse[0] ** 2) * 8 / 7, len(answers_)
    count = min(share * (1 - share) / variance, n)
    count = min(count * (stats.t.ppf(0.025, n - 1) / stats.t.ppf(0.025, 7)) ** 2, n)
    low = stats.beta.ppf(0.025, share * count, count - share * count + 1)
    high = stats.beta.ppf(0.975, share * count + 1, count - share * count)
    assert clustered_share(parts, wholes) == pytest.approx((low, high))
