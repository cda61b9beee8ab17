"""Holds a decoder, and shows that nobody else notices; then what decoding apart costs a good film.

    uv run python benchmarks/held_decoder.py

The app is served with a stand-in for the decoder that sleeps on one film for ten seconds with the interpreter's lock in
hand, as a damaged JPEG-LS stream did. One session uploads that film, then others upload good ones. Meanwhile the health
endpoint is asked all the time. It prints the longest answer, what became of the held film, and when the others had
their reviews.

Then a film of 2500×2500 pixels is read by turns with its decoding in this process, as it once was, and apart from it:
as a PNG of 16 bits, and as DICOM of 12 bits, uncompressed and in JPEG 2000. It prints the medians and the median of the
differences, in milliseconds. It exits with 1 where an answer took more than 0.2 s or a film lost more than 30 ms.
"""

import hashlib
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from bare_client import BareSession
from meanwhile import Meanwhile
from served import RUN, Served, serving

from ensemble_cam.film import decoder, decoding, radiograph
from ensemble_cam.phantom import draw_phantom
from support import films, misbehaving

_PATIENCE = 300  # seconds
_SIDE = 2500
_OTHERS = 3
_RUNS = 15
MOST_SECONDS, MOST_MILLISECONDS = 0.2, 30


def serve() -> None:
    """Serve the app as `ensemble_cam.ui.serve` does, with the stand-in."""
    from ensemble_cam.machine.children import Children
    from ensemble_cam.ui import serve

    decoding._children = Children(misbehaving.__name__, most=2, seconds=10, most_seconds=600)
    serve.main()


class Health:
    """What the health endpoint takes to answer.

    Attributes:
        longest: its longest answer in seconds.
        count: how many there were.
    """

    def __init__(self, served: Served):
        self._url = f"{served.address}/_stcore/health"
        self.longest, self.count = 0.0, 0

    def asked(self) -> Meanwhile:
        """Return what asks it without a pause for as long as that is entered."""
        return Meanwhile(self._ask, pause=0.01)

    def _ask(self) -> None:
        began = time.perf_counter()
        urllib.request.urlopen(self._url, timeout=60).read()
        self.longest = max(self.longest, time.perf_counter() - began)
        self.count += 1


def held() -> float:
    """Hold the decoder of the app, print what came of it, and return the health endpoint's longest answer."""
    held_film = misbehaving.film_that("holds")
    others = [films.phantom_png(films.film(700, 600, seed=seed)) for seed in range(_OTHERS)]
    with tempfile.TemporaryDirectory() as home, serving(Path(home), command=[__file__, "--serve", *RUN]) as served:
        with BareSession(served.address) as first:  # everything is loaded
            data = films.phantom_png(films.film(seed=100))
            first.upload("first.png", data)
            first.wait_for_scores(hashlib.sha256(data).hexdigest(), _PATIENCE)
        idle, health = Health(served), Health(served)
        with idle.asked():
            time.sleep(5)
        began = time.perf_counter()
        with health.asked(), ThreadPoolExecutor(1 + _OTHERS) as threads:
            sentence = threads.submit(_sentence, served, held_film)
            time.sleep(0.5)
            done = list(threads.map(lambda data: _reviewed(served, data), others))
            for number, seconds in enumerate(done, start=1):
                print(f"another film, {number}: its scores were there {seconds - began:.1f} s after the held one came")
            print(f"the held film after {sentence.result()[1] - began:.1f} s: {sentence.result()[0]}")
        print(f"health endpoint, longest of {idle.count} answers while nothing happens: {idle.longest:.3f} s")
        print(f"health endpoint, longest of {health.count} answers meanwhile: {health.longest:.3f} s")
    return health.longest


def _sentence(served: Served, data: bytes) -> tuple[str, float]:
    with BareSession(served.address) as session:
        session.upload("held.png", data)
        session.wait(lambda: any("Decoding" in each for each in session.alerts), _PATIENCE)
        sentence = next(each for each in session.alerts if "Decoding" in each)
        return sentence.replace("\\", ""), time.perf_counter()  # Markdown's escapes


def _reviewed(served: Served, data: bytes) -> float:
    with BareSession(served.address) as session:
        session.upload("other.png", data)
        session.wait_for_scores(hashlib.sha256(data).hexdigest(), _PATIENCE)
        return time.perf_counter()


def cost() -> float:
    """Print what decoding apart costs, and return the largest of the median differences in milliseconds."""
    sixteen = draw_phantom(1, size=_SIDE, bits=16).pixels
    twelve = (sixteen >> 4).astype(np.uint16)
    kinds = {
        "PNG, 16 bits": films.png(sixteen),
        "DICOM, 12 bits, uncompressed": films.dicom(twelve, syntax=ExplicitVRLittleEndian, bits=12),
        "DICOM, 12 bits, JPEG 2000": films.dicom(twelve, syntax=JPEG2000Lossless, bits=12),
    }
    largest = 0.0
    for name, data in kinds.items():
        here, apart = [], []
        for _ in range(_RUNS + 1):
            with mock.patch.object(radiograph, "decode_apart", lambda data, **_: decoder.decode(data)):
                here.append(_milliseconds(lambda data=data: radiograph.read_radiograph(data)))
            apart.append(_milliseconds(lambda data=data: radiograph.read_radiograph(data)))
        here, apart = here[1:], apart[1:]
        difference = statistics.median(b - a for a, b in zip(here, apart, strict=True))
        largest = max(largest, difference)
        print(
            f"{name}: here {statistics.median(here):.0f} ms, apart {statistics.median(apart):.0f} ms, "
            f"difference {difference:+.0f} ms (least: {min(here):.0f} and {min(apart):.0f} ms)"
        )
    return largest


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def main() -> int:
    """Print all of it."""
    if sys.argv[1:2] == ["--serve"]:
        del sys.argv[1]
        serve()
        return 0
    longest = held()
    return 1 if longest > MOST_SECONDS or cost() > MOST_MILLISECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
