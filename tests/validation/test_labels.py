"""Tables of labels: what they may say, and each fault with its line and without what its cell holds."""

import re
from pathlib import Path

import pytest

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import ConfigError
from ensemble_cam.validation.labels import Labels, read_labels

KNOWN = ("Effusion", "Mass", "Pleural_Thickening")
HEAD = "file,finding,label"


def read(tmp_path: Path, text: str | bytes) -> Labels:
    table = tmp_path / "labels.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    folder = tmp_path / "films"
    films = [Film.of(folder / name, below=folder) for name in ("a.png", "b.png", "x/c.png", "y/c.png")]
    return read_labels(table, films, KNOWN)


def test_films_and_findings_are_found_by_all_their_names(tmp_path):
    lines = [
        "finding,file,label,sex,age,view,device,patient",
        "effusion,a.png,1,f,40,pa,Siemens Ysio,P1",
        "PLEURAL THICKENING,films/a.png,0,,,,,P1",
        f"pleural_thickening,{tmp_path / 'films' / 'b.png'},1,M,65,,,P2",
        "Mass,x/c.png,0,,17,,,P2",
        "",
    ]
    labels = read(tmp_path, "\ufeff" + "\r\n".join(lines))
    assert [each.film.shown for each in labels.films] == ["a.png", "b.png", "x/c.png"]
    assert [dict(each.truth) for each in labels.films] == [
        {"Effusion": True, "Pleural_Thickening": False},
        {"Pleural_Thickening": True},
        {"Mass": False},
    ]
    assert [each.patient for each in labels.films] == ["P1", "P2", "P2"]
    assert [dict(each.groups) for each in labels.films] == [
        {"view": "PA", "device": "Siemens Ysio", "sex": "F", "age": "40–64"},
        {"sex": "M", "age": "65+"},
        {"age": "0–17"},
    ]
    assert (labels.undecided, labels.unlabelled, labels.has_patients) == (0, 1, True)


def test_readers_decide_by_majority_and_a_tie_is_left_out(tmp_path):
    votes = [("a.png", "110"), ("b.png", "10")]
    lines = [f"{film},Mass,{vote},{reader}" for film, each in votes for reader, vote in enumerate(each)]
    labels = read(tmp_path, "\n".join([f"{HEAD},reader", *lines]))
    assert [dict(each.truth) for each in labels.films] == [{"Mass": True}, {}]
    assert (labels.undecided, labels.has_patients) == (1, False)


SECRET = "Zzname"
FAULTS = [
    ("", r"has no labels"),
    (HEAD, r"has no labels"),
    (f"film,finding,label\n{SECRET},Mass,1", r"line 1: the head of the table lacks file\. Did you mean \"file\"\?"),
    (f"{SECRET}.png,Mass,1", r"line 1: the head of the table lacks file, finding and label\. Allowed: file, .+"),
    (f"{HEAD},{SECRET}\n", r"line 1: column 4 has an unknown head\. Allowed"),
    (f"{HEAD},patent\n", r"line 1: column 4 has an unknown head\. Did you mean \"patient\"\?"),
    (f"{HEAD},age,age\n", r"line 1: age heads two columns"),
    (f"{HEAD}\n\na.png,Mass,1,{SECRET}", r"line 3: it has 4 cells, and the head has 3"),
    (f"{HEAD}\n{SECRET}.png,Mass,1", r"line 2: no film that was given has this file's name"),
    (f"{HEAD}\nc.png,Mass,1", r"line 2: 2 films have this file name\. Write the path below their folder"),
    (f"{HEAD}\na.png,efusion,1", r"line 2: no classifier here knows this finding\. Did you mean \"Effusion\"\?"),
    (f"{HEAD}\na.png,{SECRET},1", r"line 2: no classifier here knows this finding\. Known: Effusion, Mass, .+"),
    (f"{HEAD}\na.png,Mass,{SECRET}", r"line 2: the column label holds neither 0 nor 1"),
    (f"{HEAD}\na.png,Mass,1.0", r"line 2: the column label holds neither 0 nor 1"),
    (f"{HEAD}\na.png,Mass,", r"line 2: the column label is empty"),
    (f"{HEAD}\na.png,Mass,1\nb.png,Mass,1\nfilms/a.png,mass,0", r"line 4: line 2 has this film, finding already"),
    (f"{HEAD},reader\na.png,Mass,1,{SECRET}\na.png,Mass,1,{SECRET}", r"line 3: line 2 has .+ and reader already"),
    (f"{HEAD},patient\na.png,Mass,1,{SECRET}\na.png,Effusion,1,B", r"line 3: line 2 has another patient for this"),
    (f"{HEAD},sex\na.png,Mass,1,{SECRET}", r"line 2: the column sex allows F, M, O, or nothing"),
    (f"{HEAD},age\na.png,Mass,1,131", r"line 2: the column age allows whole years from 0 to 130"),
    (f"{HEAD},device\na.png,Mass,1,{SECRET * 11}", r"line 2: the column device allows up to 64 printable"),
    (f'{HEAD}\na.png,Mass,1\n"{SECRET},Mass,1', r"line 3: this is no CSV"),
    (f"{HEAD}\na.png,Mass,1\n".encode("utf-16"), r"is no text in UTF-8"),
]


@pytest.mark.parametrize(("text", "words"), FAULTS)
def test_every_fault_is_a_sentence_with_its_line_and_repeats_no_cell(text, words, tmp_path):
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    message = str(refused.value)
    assert re.match(r"--labels: labels\.csv\b", message)
    assert re.search(words, message)
    assert SECRET.casefold() not in message.casefold()


def test_a_table_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"--labels: absent\.csv: the file cannot be read \(.+\)\. Check its path\."):
        read_labels(tmp_path / "absent.csv", [], KNOWN)
