"""Films are decoded apart: nothing that a decoder does or says reaches this process but a film or a sentence."""

import json
import logging
import math
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from types import SimpleNamespace, UnionType
from typing import Union, get_args, get_origin, get_type_hints

import numpy as np
import pydicom.errors
import pytest
from numpy.testing import assert_array_equal
from pydicom.uid import JPEG2000Lossless

from ensemble_cam.errors import RadiographError
from ensemble_cam.film import decoder, decoding, intake
from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.film.intake import StoredFilm
from ensemble_cam.film.message import Unbelievable, film_message, read_message, refusal_message
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.machine.children import Children
from ensemble_cam.machine.one_child import CannotStart, Died, Killed, TookTooLong
from support.bad_films import BAD_FILMS
from support.films import (
    IDENTITY,
    dicom,
    film,
    image,
    jpeg,
    png,
    saved,
    tiff,
    with_elements_before_pixels,
)

GREY, DEEP = film(), film(bits=16)


def invented(kind: object, default: object) -> object:
    """A value of a type that is not the default one."""
    if kind is bool:
        return not default
    if get_origin(kind) in (Union, UnionType):
        return invented(get_args(kind)[0], default)
    if get_origin(kind) is tuple and get_args(kind)[-1] is not Ellipsis:
        return tuple(invented(part, None) for part in get_args(kind))
    return {int: 3, float: 1 / 3, str: "four × 5", tuple[str, ...]: ("One.", "Two — three.")}[kind]


def whole() -> StoredFilm:
    """A film of which no field is left at its default."""
    given = {
        "format": "DICOM",
        "bits": 12,
        "pixels": film(bits=12, signed=True),
        "declared": (-2048, 2047),
        "shown": np.linspace(0, 1, 2**16),
        "used": (-2000, 2001),
        "facts": {"Kind": "drawn", "Window": "center 1, width 2"},
    }
    kinds = get_type_hints(StoredFilm)
    others = {
        each.name: invented(kinds[each.name], each.default) for each in fields(StoredFilm) if each.name not in given
    }
    return StoredFilm(**given, **others)


WHOLE = whole()


def passed_on(head: bytes, parts) -> StoredFilm | str:
    body = b"".join(parts)
    position = 0

    def read(buffer: memoryview) -> None:
        nonlocal position
        buffer[:] = body[position : position + len(buffer)]
        position += len(buffer)

    got = read_message(head, len(body), read)
    assert position == len(body)
    return got


def assert_same(one: StoredFilm, other: StoredFilm) -> None:
    for each in fields(StoredFilm):
        left, right = getattr(one, each.name), getattr(other, each.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, each.name
            assert_array_equal(left, right, err_msg=each.name)
        else:
            assert (left, type(left)) == (right, type(right)), each.name


def test_every_field_of_a_film_survives_its_message():
    assert_same(passed_on(*film_message(WHOLE)), WHOLE)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(GREY), id="png"),
        pytest.param(png(DEEP[:, ::-1]), id="16-bit"),
        pytest.param(jpeg(GREY, orientation=6), id="turned"),
        pytest.param(tiff(DEEP, photometric=0), id="tiff"),
        pytest.param(dicom(film(bits=12, signed=True), bits=12, PixelSpacing=[0.2, 0.3], WindowCenter=1), id="dicom"),
        pytest.param(dicom(DEEP, syntax=JPEG2000Lossless), id="jpeg-2000"),
    ],
)
def test_a_film_decoded_apart_is_the_film_decoded_here(data):
    assert_same(decode_apart(data), decoder.decode(data))


def test_the_sentence_of_a_refusal_is_the_one_that_the_reader_of_its_kind_says():
    for _, data, _ in BAD_FILMS:
        with pytest.raises(RadiographError) as apart:
            decode_apart(data)
        if len(data):
            with pytest.raises(RadiographError) as here:
                decoder.decode(data)
            assert str(apart.value) == str(here.value)
        assert apart.value.__cause__ is None


def altered(change) -> tuple[bytes, list[bytes]]:
    head, parts = film_message(WHOLE)
    message = json.loads(head)
    change(message)
    return json.dumps(message).encode(), [bytes(part) for part in parts]


LIES = {
    "a text of many lines": lambda m: m["film"]["facts"].update(Kind="one\ntwo"),
    "a long text": lambda m: m["film"]["warnings"].append("x" * 2000),
    "many texts": lambda m: m["film"].update(warnings=["x"] * 1000),
    "many facts": lambda m: m["film"].update(facts={str(n): "" for n in range(1000)}),
    "a number for a text": lambda m: m["film"]["facts"].update(Kind=3),
    "a text for a number": lambda m: m["film"].update(bits="12"),
    "a number for a yes or no": lambda m: m["film"].update(phantom=1),
    "no number": lambda m: m["film"].update(spacing=[math.nan, 1]),
    "an infinite one": lambda m: m["film"].update(spacing=[math.inf, 1]),
    "a distance below 0": lambda m: m["film"].update(spacing=[-1, 1]),
    "three of two": lambda m: m["film"].update(used=[0, 1, 2]),
    "a range turned round": lambda m: m["film"].update(used=[5, 4]),
    "a range beyond the pixels' type": lambda m: m["film"].update(declared=[0, 2**20]),
    "another format": lambda m: m["film"].update(format="PDF"),
    "a field of no film": lambda m: m["film"].update(patient="name"),
    "a film without one": lambda m: m["film"].pop("bits"),
    "no film": lambda m: m.update(film=[]),
    "a film and a refusal": lambda m: m.update(refused="No."),
    "an array that is not there": lambda m: m["film"].update(pixels=2),
    "one from the end": lambda m: m["film"].update(pixels=-1),
    "the table as pixels": lambda m: m["film"].update(pixels=1),
    "a type of objects": lambda m: m["arrays"][0].__setitem__(0, "|O"),
    "a film larger than its bytes": lambda m: m["arrays"][0].__setitem__(1, [24000, 2600]),
    "a film of no size": lambda m: m["arrays"][0].__setitem__(1, [0, 260]),
    "a film of a size below 0": lambda m: m["arrays"][0].__setitem__(1, [-240, -260]),
    "another shape": lambda m: m["arrays"][0].__setitem__(1, [20, 240 * 13]),
    "a film in a line": lambda m: m["arrays"][0].__setitem__(1, [240 * 260]),
    "arrays beside it": lambda m: m["arrays"].extend([["<f8", [65536]]] * 20),
}


@pytest.mark.parametrize("lie", LIES)
def test_nothing_of_a_message_is_believed_that_was_not_looked_at(lie):
    with pytest.raises(Unbelievable):
        passed_on(*altered(LIES[lie]))


@pytest.mark.parametrize("shown", [np.full(2**16, np.nan), np.full(2**16, 1.5), np.zeros(256)])
def test_a_table_of_greys_is_looked_at(shown):
    with pytest.raises(Unbelievable):
        passed_on(*film_message(replace(WHOLE, shown=shown)))


@pytest.mark.parametrize(
    "head", [b"", b"{", b"[]", b"{}", b"[" * 10**5, b"\xff", b'{"refused": 3}', b'{"refused": "a\\nb"}']
)
def test_other_bytes_are_no_message(head):
    with pytest.raises(Unbelievable):
        read_message(head, 0, lambda buffer: None)


def test_a_refusal_has_no_body():
    with pytest.raises(Unbelievable):
        read_message(refusal_message("No.")[0], 1, lambda buffer: None)


FAILURES = [
    pydicom.errors.BytesLengthException(IDENTITY[0]),
    Exception(IDENTITY[0]),
    RecursionError(IDENTITY[0]),
    AssertionError(IDENTITY[0]),
    KeyError(IDENTITY[0]),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_whatever_a_decoder_raises_is_one_sentence_that_quotes_nothing(failure, monkeypatch):
    def fail(data: bytes) -> StoredFilm:
        raise failure

    monkeypatch.setattr(decoder, "decode", fail)
    sentence = passed_on(*decoder.answer(b"", lambda allowance: None))
    assert sentence == ("The file is broken in a way that its decoder was not made for. Export or copy the film again.")


def test_memory_that_runs_out_is_said(monkeypatch):
    def fail(data: bytes) -> StoredFilm:
        raise MemoryError

    monkeypatch.setattr(decoder, "decode", fail)
    assert "more memory than a film of its size needs" in passed_on(*decoder.answer(b"", lambda allowance: None))


def test_a_header_with_values_of_impossible_lengths_ends_no_review_and_is_not_quoted(caplog, capfd):
    """An element whose length does not fit its VR: `BytesLengthException`, whose message quotes the value."""
    data = dicom(DEEP, WindowCenter=100, WindowWidth=50)
    odd = data.replace(b"\x28\0\x10\0US\2\0", b"\x28\0\x10\0US\3\0ZZ", 1)
    assert odd != data
    caplog.set_level(logging.DEBUG)
    try:
        said = str(dict(read_radiograph(odd).facts))
    except RadiographError as error:
        said = str(error)
    assert "ZZ" not in said + caplog.text + "".join(capfd.readouterr())


def test_what_decoding_may_take_grows_with_the_pixels_declared_and_is_granted_before_they_are_decoded():
    granted = []
    decoder.answer(png(GREY), granted.append)
    assert granted == [decoder.allowance(png(GREY), GREY.size)]
    small, large, slow = (decoder.allowance(b"", *of) for of in ((0,), (9_000_000,), (9_000_000, 6.0)))
    assert small.processor < large.processor < slow.processor
    assert small.memory < large.memory
    assert all(each.seconds > each.processor for each in (small, large, slow))


@pytest.mark.parametrize(
    "data",
    [
        dicom(DEEP, syntax=JPEG2000Lossless),
        with_elements_before_pixels(
            dicom(DEEP, syntax=JPEG2000Lossless), struct.pack("<HH2sHI", 0x0019, 0x1001, b"OB", 0, 2**21) + bytes(2**21)
        ),
        saved(image(DEEP), "TIFF", compression="lzma"),
    ],
    ids=["jpeg-2000", "jpeg-2000 behind a long header", "tiff-lzma"],
)
def test_what_decodes_slowly_is_given_its_time_wherever_it_lies_in_the_file(data):
    granted = []
    decoder.answer(data, granted.append)
    assert granted[-1].processor > 1.5 + 5 * (decoder.allowance(data, DEEP.size).processor - 1.5)


def test_nobody_is_told_of_sizes_once_a_film_is_decoded():
    told = []
    with intake.sizes_told_to(lambda *of: told.append(of)):
        intake.check_size(100, 50)
        intake.check_size(100, 50, slowness=2.0)
    intake.check_size(100, 50)
    assert told == [(5000, 1.0), (5000, 2.0)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TookTooLong, "took far longer than a film of its size takes"),
        (Died, "made its decoder crash"),
        (Killed, "decoder was ended from outside.*Close other programs"),
        (CannotStart, "No film can be read on this machine.*python -m ensemble_cam.film.decoder"),
    ],
)
def test_what_becomes_of_a_child_is_one_sentence(error, words, monkeypatch):
    def ask(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(decoding, "_children", SimpleNamespace(ask=ask))
    with pytest.raises(RadiographError, match=words) as raised:
        read_radiograph(png(GREY))
    assert raised.value.__cause__ is None


def test_an_answer_that_is_none_of_ours_is_a_crash(monkeypatch):
    children = Children("support.answering", most=1, seconds=60, most_seconds=60)
    monkeypatch.setattr(decoding, "_children", children)
    with pytest.raises(RadiographError, match="made its decoder crash"):
        decode_apart(b"echo 123")
    children.close()


DECODERS = {"pydicom", "PIL", "cv2", "openjpeg", "pylibjpeg", "jpeg_ls", "_CharLS", "gdcm"}
HEAVY = {"torch", "streamlit", "matplotlib", "skimage", "scipy", "pandas", "openvino"}


@pytest.mark.parametrize("data", [png(GREY), dicom(GREY)], ids=["png", "dicom"])
def test_a_process_that_reads_a_film_loads_no_decoder(data, tmp_path):
    (tmp_path / "film").write_bytes(data)
    code = (
        "import sys; from ensemble_cam.film.radiograph import read_radiograph\n"
        "read_radiograph(open(sys.argv[1], 'rb').read())\n"
        f"print(sorted({DECODERS | HEAVY} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "film"], check=True, timeout=120, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == "[]\n"


def test_the_child_loads_what_decodes_and_nothing_else():
    code = (
        "import sys; from ensemble_cam.film import decoder\n"
        "decoder.serve = lambda *_, prepare, **__: prepare()\n"
        "decoder.main()\n"
        f"print(sorted({HEAVY} & set(sys.modules)), {{'pydicom', 'PIL'}} <= set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "[] True\n"


@pytest.mark.parametrize(("decoder", "loaded"), [("pictures", "['PIL']"), ("dicom", "['PIL', 'gdcm', 'pydicom']")])
def test_a_child_that_knows_its_first_film_loads_what_decodes_that(decoder, loaded):
    code = (
        "import sys; from ensemble_cam.film import decoder\n"
        "decoder.serve = lambda *_, prepare, **__: prepare()\n"
        f"sys.argv[1:] = [{decoder!r}]; decoder.main()\n"
        "print(sorted({'pydicom', 'PIL', 'gdcm'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, stdout=subprocess.PIPE, text=True)
    assert done.stdout == f"{loaded}\n"


def test_films_of_the_other_kind_come_all_the_same_and_loading_is_not_their_time(first_child, tmp_path, monkeypatch):
    (tmp_path / "first.png").write_bytes(png(GREY))
    decoding.start(tmp_path / "first.png")
    (child,) = first_child.pids()
    film = dicom(GREY, bits=8, photometric="MONOCHROME2")
    assert read_radiograph(film).format == "DICOM"
    assert read_radiograph(png(GREY)).format == "PNG"
    assert first_child.pids() == [child]
    monkeypatch.setattr(decoder, "_loaded", {"pictures"})
    assert decoder._first_allowance(film).processor == decoder.allowance(film).processor + decoder._SECONDS_TO_LOAD


def test_the_first_film_need_not_be_there(first_child, tmp_path):
    decoding.start(tmp_path / "absent.png")
    assert read_radiograph(png(GREY)).format == "PNG"


SCRIPT = """
import ensemble_cam.film.radiograph as radiograph
print("once")
film = radiograph.read_radiograph(open(r"{film}", "rb").read())
print(film.width, film.height)
"""


def test_a_users_own_script_without_a_main_guard_reads_films_and_runs_once(tmp_path):
    (tmp_path / "film.png").write_bytes(png(GREY))
    script = tmp_path / "own.py"
    script.write_text(SCRIPT.format(film=tmp_path / "film.png"))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("once\n260 240\n", "")


@pytest.fixture
def first_child(monkeypatch) -> Iterator[Children]:
    children = Children("ensemble_cam.film.decoder", most=1, seconds=60, most_seconds=60)
    monkeypatch.setattr(decoding, "_children", children)
    yield children
    children.close()


def test_the_first_decoder_is_started_once_before_a_film_comes(first_child):
    decoding.start()
    decoding.start()
    started = first_child.pids()
    assert len(started) == 1
    assert read_radiograph(png(GREY)).format == "PNG"
    assert first_child.pids() == started
    assert os.getpid() not in started
