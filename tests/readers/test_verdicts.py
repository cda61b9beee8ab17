"""What a reader says of a film, before and after its reveal."""

from itertools import pairwise

import pytest

from ensemble_cam.errors import SessionError
from ensemble_cam.readers.reviews import keep_review, network_calls
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import FilmState, Mark, Reader, Verdict, keep_film, opinion
from ensemble_cam.reviewing.scores import Call
from support.reviews import made_review

SHA256 = "0f" * 32


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as store:
        yield store


@pytest.fixture
def film(store) -> int:
    return keep_film(store, SHA256)


@pytest.fixture
def reader(store) -> Reader:
    return Reader.named(store, "  Dr.  A ")


def test_first_read_is_what_was_marked_before_the_reveal_and_not_taken_back(reader, film):
    kept = reader.mark(film, Mark("Mass", (12.5, 30.0), 4))
    wrong = reader.mark(film, Mark("Effusion"))
    reader.withdraw(film, wrong.id)
    reader.reveal(film, first_read=True)
    reader.mark(film, Mark("Nodule", (1.0, 2.0)))

    state = reader.state(film)

    assert state.first == (kept,)
    assert [(mark.finding, mark.place, mark.confidence) for mark in state.after] == [("Nodule", (1.0, 2.0), None)]
    assert state.first_read
    assert kept.at < state.revealed < state.after[0].at


def test_first_read_is_locked_by_its_reveal(reader, film, store):
    mark = reader.mark(film, Mark("Mass"))
    reader.reveal(film, first_read=True)
    with pytest.raises(SessionError, match="the first read is locked"):
        reader.withdraw(film, mark.id)
    assert [each.finding for each in reader.state(film).first] == ["Mass"]


def test_film_that_was_revealed_is_never_unread_again(reader, film):
    reader.open(film)
    reader.reveal(film, first_read=True)
    before = reader.state(film)
    reader.open(film)
    reader.reveal(film, first_read=False)
    assert reader.state(film) == before
    assert before.opened < before.revealed


def test_verdicts_are_kept_in_their_order_and_the_last_one_holds(reader, film, store):
    reader.reveal(film, first_read=True)
    for verdict in (Verdict.AGREE, Verdict.AGREE, Verdict.UNSURE, Verdict.DISAGREE):
        reader.judge(film, "Mass", verdict)

    said = reader.state(film).verdicts["Mass"]

    assert (said.verdict, said.changes) == (Verdict.DISAGREE, 2)
    rows = store.rows("SELECT verdict, at FROM verdicts ORDER BY id")
    assert [row["verdict"] for row in rows] == ["agree", "unsure", "disagree"]
    assert all(one["at"] < other["at"] for one, other in pairwise(rows))
    assert rows[0]["at"] > reader.state(film).revealed


def test_no_verdict_without_a_reveal_of_the_same_reader(reader, film, store):
    Reader.named(store, "B").reveal(film, first_read=False)
    with pytest.raises(SessionError, match="no verdict is older than its reveal"):
        reader.judge(film, "Mass", Verdict.AGREE)
    assert reader.state(film) == FilmState()


def test_two_readers_know_nothing_of_one_another(reader, film, store):
    other = Reader.named(store, "B")
    mark = reader.mark(film, Mark("Mass"))
    with pytest.raises(SessionError, match="none of this reader's"):
        other.withdraw(film, mark.id)
    other.reveal(film, first_read=False)
    reader.mark(film, Mark("Edema"))  # B's reveal locks B's first read alone
    assert [each.finding for each in reader.state(film).first] == ["Mass", "Edema"]
    assert other.state(film).first == ()
    assert Reader.named(store, "Dr. A").id == reader.id


def test_notes_are_taken_back_by_an_empty_one(reader, film):
    reader.note(film, " unclear margin \n seen late ", finding="Mass")
    reader.note(film, "rotated")
    assert reader.state(film).notes == {"Mass": "unclear margin \n seen late", None: "rotated"}
    reader.note(film, "", finding="Mass")
    assert reader.state(film).notes == {None: "rotated"}


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "bell\a"])
def test_a_name_is_a_short_line(name, store):
    with pytest.raises(SessionError, match=r"name: got \d+ characters; allowed: 1 to 64"):
        Reader.named(store, name)


def test_confidence_is_from_one_to_five(reader, film):
    for given in (0, 6):
        with pytest.raises(SessionError, match=f"confidence: got {given}; allowed"):
            reader.mark(film, Mark("Mass", confidence=given))
    assert reader.state(film) == FilmState()


@pytest.mark.parametrize(
    ("call", "verdict", "missed", "there"),
    [
        (Call.CALLED, Verdict.AGREE, False, True),
        (Call.CALLED, Verdict.DISAGREE, False, False),
        (Call.NOT_CALLED, Verdict.AGREE, False, False),
        (Call.NOT_CALLED, Verdict.DISAGREE, False, True),
        (Call.UNCALIBRATED, Verdict.AGREE, False, True),
        (Call.CALLED, Verdict.UNSURE, True, None),
        (Call.NOT_CALLED, None, False, None),
        (Call.NOT_CALLED, None, True, True),
        (None, None, True, True),
    ],
)
def test_a_verdict_is_of_the_networks_call(call, verdict, missed, there):
    assert opinion(call, verdict, missed=missed) is there


def test_a_film_keeps_its_row_and_its_path_only_if_it_is_given(store, tmp_path, film):
    assert keep_film(store, SHA256) == film
    assert store.rows("SELECT path, place FROM films")[0]["path"] is None
    other = keep_film(store, "1" * 64, path=tmp_path / "a.png")
    assert [row["path"] for row in store.rows("SELECT path FROM films")] == [None, str(tmp_path / "a.png")]
    with store.write() as file:
        file.execute("UPDATE films SET place = NULL WHERE id = ?", (film,))
    assert keep_film(store, SHA256) == film
    rows = store.rows("SELECT id FROM films ORDER BY place")
    assert [row["id"] for row in rows] == [other, film]  # it went to the end


def test_what_the_networks_said_is_kept_once_for_the_same_question(store, film):
    review = made_review(top_k=1)
    kept = keep_review(store, film, review)
    assert keep_review(store, film, review) == kept
    assert keep_review(store, film, made_review(top_k=2)) != kept

    rows = store.rows("SELECT finding, network, score, call, split FROM calls WHERE review = ? ORDER BY id", (kept,))
    mass = [tuple(row) for row in rows if row["finding"] == "Mass"]
    fine = next(result for result in review.analysis.results if result.id == "fine")
    assert [row[1] for row in mass] == ["ensemble", "fine", "coarse"]
    assert ("Mass", "fine", fine.scores["Mass"], "called", 0) in mass
    explained = [each for each in network_calls(review) if each.box is not None]
    assert {each.finding for each in explained} == {review.analysis.findings[0].label}
