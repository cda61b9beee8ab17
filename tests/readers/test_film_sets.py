"""A class set of own films: its file names them by hash, and marks are held to what the teacher drew."""

import json

import pytest

from ensemble_cam.errors import ConfigError
from ensemble_cam.readers.class_answers import Answers, FilmAnswer, Named, answers_file, read_answers
from ensemble_cam.readers.class_csv import class_csv
from ensemble_cam.readers.class_table import class_table
from ensemble_cam.readers.film_sets import OwnFilm, film_set, is_set_file, missing, read_set, set_file
from ensemble_cam.readers.truth import Kind, Shape

HASHES = [f"{number:064x}" for number in range(1, 4)]
BOX = Shape("Mass", Kind.BOX, ((100.0, 40.0), (140.0, 80.0)), id=7, at="then")
OUTLINE = Shape("Effusion", Kind.OUTLINE, ((10.0, 10.0), (30.0, 10.0), (20.0, 40.5)))
SET = film_set(
    "Chest",
    [
        OwnFilm(0, HASHES[0], (200, 300), ("Mass", "Effusion"), (BOX, OUTLINE), "Above the diaphragm?"),
        OwnFilm(0, HASHES[1], (400, 300), ("Effusion",)),
        OwnFilm(0, HASHES[2], (400, 300)),
    ],
    asked=["Nodule"],
    seconds=60,
)


def test_a_file_holds_the_set_and_of_films_nothing_but_hash_size_question_and_truth():
    data = set_file(SET)
    assert read_set(data) == SET
    assert is_set_file(data)
    assert SET.findings == ("Effusion", "Mass", "Nodule")
    assert [film.findings for film in SET.films] == [("Effusion", "Mass"), ("Effusion",), ()]
    told = json.loads(data)
    assert set(told["films"][0]) == {"sha256", "width", "height", "question", "findings", "shapes"}
    assert set(told["films"][0]["shapes"][0]) == {"finding", "kind", "points"}
    assert read_set(set_file(SET)).code == SET.code != film_set("Other", SET.films).code


def test_films_that_are_not_at_hand_are_named_in_a_sentence():
    assert missing(SET, HASHES) == ""
    told = missing(SET, HASHES[1:2])
    assert (
        told == f"2 of 3 films are not open here: number 1 ({HASHES[0][:8]}…), 3 ({HASHES[2][:8]}…). Open their files."
    )


BROKEN = {
    "no JSON": lambda told: b"{",
    "another kind": lambda told: {**told, "kind": "class answers"},
    "deep": lambda told: b"[" * 100_000,
    "large": lambda told: b" " * (9 << 20),
    **{
        what: lambda told, change=change: {**told, **change}
        for what, change in {
            "no films": {"films": []},
            "no finding": {"findings": []},
            "one finding twice": {"findings": ["Mass", "Mass", "Effusion"]},
            "markup for a finding": {"findings": ["Effusion", "Mass", "![](http://a.b/c.png)"]},
            "a title that is too long": {"title": "x" * 65},
            "a time that cannot be chosen": {"seconds": 7},
            "a truth for a time": {"seconds": True},
        }.items()
    },
    **{
        what: lambda told, change=change: {**told, "films": [{**told["films"][0], **change}, *told["films"][1:]]}
        for what, change in {
            "no hash": {"sha256": "x"},
            "the same film": {"sha256": HASHES[1]},
            "a size that no film has": {"width": 10**6, "height": 10**6},
            "no size": {"width": "200"},
            "a finding that is not asked for": {"findings": ["Edema"]},
            "drawn, and not there": {"findings": ["Effusion"]},
            "lines in a question": {"question": "a\nb"},
            "a corner beside the film": {
                "shapes": [{"finding": "Mass", "kind": "box", "points": [[0, 0], [201, 5]]}],
            },
            "no number": {"shapes": [{"finding": "Mass", "kind": "box", "points": [[0, 0], [float("nan"), 5]]}]},
            "three corners of a box": {"shapes": [{"finding": "Mass", "kind": "box", "points": [[0, 0]] * 3}]},
            "no shape": {"shapes": [{"finding": "Mass", "kind": "line", "points": [[0, 0], [1, 1]]}]},
        }.items()
    },
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_none_is_refused_in_a_sentence(what):
    broken = BROKEN[what](json.loads(set_file(SET)))
    with pytest.raises(
        ConfigError, match=r"This is no file of a class set|: (got|a set|two|no film|it has|a finding|some)"
    ):
        read_set(broken if isinstance(broken, bytes) else json.dumps(broken).encode())


def handed_in(name: str, *films: dict[str, Named]) -> bytes:
    said = tuple(FilmAnswer(number, named, 5) for number, named in enumerate(films, start=1))
    return answers_file(Answers(SET, name, said))


def test_answers_are_read_beside_the_file_of_their_set_alone():
    data = handed_in("Ann", {"Mass": Named(80, (199, 299))})
    assert read_answers(data, [SET]).films[0].named == {"Mass": Named(80, (199, 299))}
    with pytest.raises(ConfigError, match=r"to a set of own films\. Open the file of that set"):
        read_answers(data, [film_set("Another", SET.films)])
    with pytest.raises(ConfigError, match="no file of answers"):
        read_answers(handed_in("Ann", {"Mass": Named(80, (200, 299))}), [SET])  # beside the film


def test_marks_are_held_to_what_was_drawn_and_the_rest_to_what_is_there():
    right = {"Mass": Named(90, (120, 60)), "Effusion": Named(80, (150, 250))}  # the second one far from the outline
    ann = handed_in("Ann", right, {"Effusion": Named(90, (5, 5))}, {})
    bea = handed_in("Bea", {"Mass": Named(90, (149, 60))}, {"Nodule": Named(50)}, {"Mass": Named(65)})
    table = class_table([read_answers(each, [SET]) for each in (ann, bea)])
    assert table.rights("Ann") == [True, True, True]
    assert table.rights("Bea") == [False, False, False]
    one, other = (table.skill(student=name) for name in ("Ann", "Bea"))
    assert (one.found.part, one.found.whole, one.spared.part, one.spared.whole) == (3, 3, 6, 6)
    assert (one.hits.part, one.hits.whole) == (1, 2)  # nothing is drawn on the second film: its mark hits nothing
    assert (other.hits.part, other.hits.whole) == (1, 1)  # 10 pixels beside the box, of 200: within the tolerance
    assert other.excess.interval[1] == 1  # of three films, and yet no more than all
    assert [each.film.number for each in table.hardest()] == [1, 2, 3]
    assert table.hardest()[0].film.sha256 == HASHES[0]
    assert class_csv(table).count(SET.code.encode()) == 3 * (1 + len(SET.findings))
