"""Reads thousands of damaged films, and says what became of them.

    uv run python benchmarks/hostile.py --count 10000 --seed 7

The films are drawn, one in each way of storing one that is read (each transfer syntax, PNG, JPEG, TIFF, BMP; 8 to 16
bits, to 3000 pixels a side, one in six above 1500), and bear an invented patient's name where their kind has a place
for it. A third of the damages is in the header, a third in what comes behind it, a third cuts a piece off or out. Films
are read as `review` reads them, by two threads at once.

It prints how many were read and refused, and with which sentences; the longest times, for films that are still read
beside their undamaged source; and the most memory that this process and its children held together. It exits with 1
where anything was raised but a refusal, a sentence or a warning quoted a header, or a film took longer than it may.
Damaged films are neither kept nor shown; a number in `--only` makes one again.
"""

import argparse
import logging
import os
import statistics
import struct
import sys
import threading
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.uid import (
    HTJ2K as HTJ2K_SYNTAX,
)
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from meanwhile import Meanwhile

from ensemble_cam.errors import RadiographError
from ensemble_cam.film import decoding
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom import draw_phantom
from support import films
from support.streams import HTJ2K, HTJ2K_PIXELS, jpeg_lossless, jpeg_ls

MOST_SECONDS = 2.0  # of a film that is refused
MOST_TIMES = 1.5  # of a film that is read, its undamaged source's time
_SHORT = 0.2  # seconds; a film's time below says more of the machine than of the film
_SECRET = "ZZ"
_NAME = films.IDENTITY[0]


@dataclass(frozen=True)
class Source:
    """An undamaged film.

    Attributes:
        name: how it is stored.
        data: the file.
        head: how many of its bytes are its header.
    """

    name: str
    data: bytes = field(repr=False)
    head: int


@dataclass
class Outcome:
    """What became of all films.

    Attributes:
        read, refused: how many.
        sentences: how often films were refused by which sentence, numbers left out.
        others: what was raised besides, with the film's number; there is to be none.
        quoted: the numbers of films of whose header a word came out; there are to be none.
        refusal: the longest time of a refused film in seconds, its source and its number.
        reading: the same of a film that was read.
        beside: the longest time of a film that was read beside its source's time, where it is long enough to tell.
        peak: the most memory in bytes; None where the system does not tell.
    """

    read: int = 0
    refused: int = 0
    sentences: Counter[str] = field(default_factory=Counter)
    others: list[str] = field(default_factory=list)
    quoted: list[int] = field(default_factory=list)
    refusal: tuple[float, str, int] = (0.0, "", 0)
    reading: tuple[float, str, int] = (0.0, "", 0)
    beside: tuple[float, str, int] = (0.0, "", 0)
    peak: int | None = None


def sources(*, scale: float = 1.0) -> list[Source]:
    """Draw the films; `scale` makes them smaller, to 256 pixels a side."""

    def drawn(width: int, height: int, bits: int) -> np.ndarray:
        size = tuple(max(256, round(side * scale)) for side in (width, height))
        return draw_phantom(3, size=size, bits=16).pixels >> (16 - bits)

    eight = drawn(700, 600, 8).astype(np.uint8)
    ten, twelve, sixteen = drawn(640, 800, 10), drawn(1000, 900, 12), drawn(800, 700, 16)
    coded = {
        "JPEG lossless, any predictor": (JPEGLossless, jpeg_lossless(ten[:400, :500], bits=10, predictor=6)),
        "JPEG lossless": (JPEGLosslessSV1, jpeg_lossless(sixteen[:400, :500], bits=16)),
    }
    made = [
        _dicom("implicit", ten, ImplicitVRLittleEndian, bits=10),
        _dicom("explicit", twelve, ExplicitVRLittleEndian, bits=12),
        _dicom("explicit, large", drawn(2500, 3000, 12), ExplicitVRLittleEndian, bits=12),
        _dicom("big endian", sixteen, ExplicitVRBigEndian, bits=16),
        _dicom("deflated", twelve, DeflatedExplicitVRLittleEndian, bits=12),
        _dicom("RLE", sixteen, RLELossless, bits=16),
        _dicom("JPEG baseline", eight, JPEGBaseline8Bit, bits=8),
        *(
            _dicom(name, part, syntax, bits=bits, stream=stream)
            for (name, (syntax, stream)), part, bits in zip(
                coded.items(), (ten[:400, :500], sixteen[:400, :500]), (10, 16), strict=True
            )
        ),
        _dicom("JPEG-LS", twelve, JPEGLSLossless, bits=12),
        _dicom("JPEG-LS, large", drawn(2400, 2000, 16), JPEGLSLossless, bits=16),
        _dicom("JPEG-LS, declared near lossless", ten, JPEGLSNearLossless, bits=10, stream=jpeg_ls(ten)),
        _dicom("JPEG 2000", sixteen, JPEG2000Lossless, bits=16),
        _dicom("JPEG 2000, large", drawn(1600, 1500, 12), JPEG2000Lossless, bits=12),
        _dicom("high-throughput JPEG 2000", HTJ2K_PIXELS, HTJ2K_SYNTAX, bits=16, stream=HTJ2K),
        _png("PNG, 8 bits", eight),
        _png("PNG, 16 bits", sixteen),
        _png("PNG, 16 bits, large", drawn(1800, 1600, 16)),
        _picture("JPEG", films.jpeg(np.dstack([eight] * 3), orientation=6), b"\xff\xda"),
        Source("TIFF", films.saved(Image.fromarray(sixteen), "TIFF", compression="tiff_lzw"), 200),
        Source("BMP", films.saved(Image.fromarray(eight), "BMP"), 54 + 1024),
    ]
    return made


def _dicom(name: str, pixels: np.ndarray, syntax: str, *, bits: int, stream: bytes | None = None) -> Source:
    header = {"PatientName": _NAME, "PatientID": _NAME, "WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
    data = films.dicom(pixels, syntax=syntax, bits=bits, stream=stream, PixelSpacing=[0.2, 0.2], **header)
    tag = data.rfind(b"\x7f\xe0\x00\x10" if syntax == ExplicitVRBigEndian else b"\xe0\x7f\x10\x00", 0, 4096)
    return Source(f"DICOM, {name}", data, tag if tag > 0 else 500)


def _png(name: str, pixels: np.ndarray) -> Source:
    info = PngInfo()
    info.add_text("Title", _NAME)
    return _picture(name, films.png(pixels, pnginfo=info), b"IDAT")


def _picture(name: str, data: bytes, mark: bytes) -> Source:
    return Source(name, data, data.index(mark))


# Damages


def damaged(source: Source, rng: np.random.Generator) -> bytes:
    """Return a source's file, damaged by chance: in its header, behind it, or by a piece cut off or out."""
    data, size = bytearray(source.data), len(source.data)
    where = rng.integers(3)
    if where == 2:
        start = int(rng.integers(1, size))
        end = size if rng.random() < 0.5 else int(min(size, start + rng.integers(1, 5000)))
        del data[start:end]
        return bytes(data)
    low, high = (0, source.head) if where == 0 else (source.head, size)
    for _ in range(rng.integers(1, 6)):
        _damage(data, int(rng.integers(low, min(high, len(data)))), rng)  # bytes may be gone
    if source.name.startswith("PNG") and rng.random() < 0.5:
        return _with_true_checksums(bytes(data))
    return bytes(data)


def _damage(data: bytearray, position: int, rng: np.random.Generator) -> None:
    """Change a few bytes from `position` on: by chance, to an extreme number, to another part of the file, or away."""
    match rng.integers(5):
        case 0:
            data[position] ^= 1 << int(rng.integers(8))
        case 1:
            new = rng.integers(0, 256, rng.integers(1, 9), dtype=np.uint8).tobytes()
            data[position : position + len(new)] = new
        case 2:
            extreme = (b"\0\0", b"\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\x80")
            new = extreme[int(rng.integers(len(extreme)))]
            data[position : position + len(new)] = new
        case 3:
            other, length = int(rng.integers(len(data))), int(rng.integers(1, 65))
            new = data[other : other + length]
            data[position : position + len(new)] = new
        case 4:
            del data[position : position + int(rng.integers(1, 17))]
            data[position:position] = bytes(rng.integers(0, 256, rng.integers(0, 17), dtype=np.uint8))


def _with_true_checksums(data: bytes) -> bytes:
    """Return a PNG whose chunks have the checksums of what is in them, so that it is read further."""
    mended, position = bytearray(data), 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return bytes(mended)


# Reading


def read_all(
    made: list[Source], *, count: int, seed: int, threads: int = 2, tell: Callable[[int], None] = lambda done: None
) -> Outcome:
    """Damage and read `count` films; what each of them is depends on seed and number alone."""
    outcome, lock = Outcome(), threading.Lock()
    # Measured as the damaged ones are: by as many threads.
    with ThreadPoolExecutor(threads) as pool:
        usual = dict(
            zip((each.name for each in made), pool.map(_usual_seconds, (each.data for each in made)), strict=True)
        )

    def one(number: int) -> None:
        source, data = film_of(made, number, seed=seed)
        began = time.perf_counter()
        try:
            film = read_radiograph(data)
        except RadiographError as error:
            said, was_read = str(error), False
        except Exception as error:  # whatever it is, it is what this program looks for
            with lock:
                outcome.others.append(f"{number} ({source.name}): {type(error).__name__}")
            return
        else:
            said, was_read = f"{film!r} {dict(film.facts)} {film.warnings}", True
        seconds = time.perf_counter() - began
        if was_read and seconds > max(_SHORT, MOST_TIMES * usual[source.name]):
            # Once more: the machine may have been busy with something else.
            seconds = min(seconds, _usual_seconds(data))
        with lock:
            if _SECRET in said:
                outcome.quoted.append(number)
            if was_read:
                outcome.read += 1
                outcome.reading = max(outcome.reading, (seconds, source.name, number))
                if seconds > _SHORT:
                    outcome.beside = max(outcome.beside, (seconds / usual[source.name], source.name, number))
            else:
                outcome.refused += 1
                outcome.sentences["".join("#" if c.isdigit() else c for c in said)] += 1
                outcome.refusal = max(outcome.refusal, (seconds, source.name, number))
            done = outcome.read + outcome.refused
        tell(done)

    peak = _Peak()
    with Meanwhile(peak.look, pause=0.05), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, range(count)):
            pass
    outcome.peak = peak.bytes
    return outcome


def film_of(made: list[Source], number: int, *, seed: int) -> tuple[Source, bytes]:
    """Return the source and the file of a damaged film."""
    source = made[number % len(made)]
    return source, damaged(source, np.random.default_rng([seed, number]))


def _usual_seconds(data: bytes) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        read_radiograph(data)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


class _Peak:
    """The most memory that this process and its children held together when it was looked; known on Linux."""

    bytes: int | None = None

    def look(self) -> None:
        held = [_resident(process) for process in (os.getpid(), *decoding.decoders())]
        if held[0]:
            self.bytes = max(self.bytes or 0, sum(held))


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


@contextmanager
def _line() -> Iterator[Callable[[int], None]]:
    def tell(done: int) -> None:
        if sys.stderr.isatty() and done % 20 == 0:
            print(f"\r{done}", end="", file=sys.stderr, flush=True)

    yield tell
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)


def report(outcome: Outcome, kept: Mapping[str, int]) -> Iterator[str]:
    """Say in lines what became of the films."""
    yield f"read {outcome.read}, refused {outcome.refused}, other exceptions {len(outcome.others)}"
    yield from (f"  {each}" for each in outcome.others)
    for words, sentence in kept.items():
        yield f"{words}: {sentence}"
    yield f"films of whose header a word came out: {len(outcome.quoted)} {outcome.quoted or ''}".rstrip()
    yield "longest, refused: {:.2f} s ({}, number {})".format(*outcome.refusal)
    yield "longest, read: {:.2f} s ({}, number {})".format(*outcome.reading)
    yield "longest, read, beside its undamaged source: {:.2f} times ({}, number {})".format(*outcome.beside)
    if outcome.peak is not None:
        yield f"most memory, all processes together: {outcome.peak / 1e6:.0f} MB"
    yield "sentences:"
    yield from (f"  {count:5} {sentence}" for sentence, count in outcome.sentences.most_common())


def main() -> int:
    """Read them and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="read this one alone, and say what becomes of it")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = sources()
    logging.disable()
    if options.only is not None:
        source, data = film_of(made, options.only, seed=options.seed)
        print(source.name)
        print(read_radiograph(data))
        return 0
    large = sum(max(read_radiograph(each.data).source.shape) > 1500 for each in made)
    print(f"{len(made)} sources, {large} of them above 1500 pixels; {options.count} films, seed {options.seed}")
    began = time.perf_counter()
    with _line() as tell:
        outcome = read_all(made, count=options.count, seed=options.seed, tell=tell)
    print(f"{time.perf_counter() - began:.0f} s")
    counted = {
        words: sum(count for sentence, count in outcome.sentences.items() if part in sentence)
        for words, part in (
            ("crashes of a decoder (its child was replaced)", "made its decoder crash"),
            ("stopped for their time", "took far longer"),
            ("stopped for their memory", "took more memory"),
            ("broken in an unforeseen way", "was not made for"),
        )
    }
    print("\n".join(report(outcome, counted)))
    slow = outcome.refusal[0] > MOST_SECONDS or outcome.beside[0] > MOST_TIMES
    return 1 if outcome.others or outcome.quoted or slow else 0


if __name__ == "__main__":
    sys.exit(main())
