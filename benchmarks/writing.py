"""What a film's figure, overlays and `review.json` cost the processor, before and after a change of the program.

    uv run python benchmarks/writing.py --against REVISION [--sizes 512,1024] [--rounds 5] [--starts 3] [--set teaching]

The checkout and another revision of it, which git unpacks into a temporary folder, each run in a process of their own
and take turns: the same film is analysed by both, and what is timed is `Review.save` alone. A time is processor time
of all threads (`time.process_time`). Every film is a phantom that no earlier one was, so that nothing but what holds
for all films can be ready from before. The first film of a process is counted apart, as it pays for what is loaded
late; the processes are started several times for it.

Printed are medians in milliseconds with their ratio, for each size, and how large the pictures are together. Exit code
1 if a pixel, a text chunk or `review.json` differs in more than times (see `same_reviews.py`), or a picture is more
than a tenth larger.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from same_reviews import compared

FIRST_SEED = 7_000_000
MOST_GROWTH = 1.10
_CHECKOUT = Path(__file__).parents[1]
_PAUSE = 0.1  # seconds, by which PyTorch's threads have stopped to spin

# Run by both revisions, so by names of the public face alone.
_CHILD = """
import json, sys, time
from pathlib import Path
from ensemble_cam.machine.threads import wait_briefly
wait_briefly()
import ensemble_cam as ec
options = json.loads(sys.argv[1])
for line in sys.stdin:
    seed, size, out = json.loads(line)
    review = ec.review(ec.draw_phantom(seed, size=(size, size)), **options)
    time.sleep(float(sys.argv[2]))
    began, began_at = time.process_time(), time.perf_counter()
    review.save(out, name="film")
    print(json.dumps([time.process_time() - began, time.perf_counter() - began_at]), flush=True)
"""


class Cost(NamedTuple):
    """What writing a film took: seconds of processor time over all threads, and seconds by the clock."""

    processor: float
    clock: float


class Program:
    """One revision, in a process of its own.

    Args:
        source: the folder that `ensemble_cam` is imported from.
        options: of `ensemble_cam.review`.
    """

    def __init__(self, source: Path, options: dict[str, object]):
        command = [sys.executable, "-c", _CHILD, json.dumps(options), str(_PAUSE)]
        environment = {**os.environ, "PYTHONPATH": str(source)}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def write(self, seed: int, size: int, out: Path) -> Cost:
        """Review a phantom, write its folder into `out`, and return what the writing took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([seed, size, str(out)]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("A revision ended before it had written a film; its error stands above.")
        return Cost(*json.loads(line))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def unpacked(revision: str) -> Iterator[Path]:
    """Provide a folder with a revision of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=_CHECKOUT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def measure(options: argparse.Namespace, folder: Path, sources: dict[str, Path]) -> dict[str, list[dict[str, Cost]]]:
    """Write films by both revisions in turn, into folders of theirs below `folder`; return kind of film → costs."""
    review = {"set": options.set, "top_k": options.top_k}
    if options.weights_dir is not None:
        review["weights_dir"] = str(options.weights_dir)
    costs, seed, turn = defaultdict(list), FIRST_SEED, 0
    for _ in range(options.starts):
        programs = {name: Program(source, review) for name, source in sources.items()}
        kinds = [("first", options.sizes[-1])]
        kinds += [(f"{size} px", size) for _ in range(options.rounds) for size in options.sizes]
        for kind, size in kinds:
            order = list(programs)[:: 1 if turn % 2 else -1]
            costs[kind].append(
                {name: programs[name].write(seed, size, folder / name / f"{seed}_{size}") for name in order}
            )
            seed, turn = seed + 1, turn + 1
        for program in programs.values():
            program.close()
    return costs


def main() -> int:
    """Measure, compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--against", required=True, metavar="REVISION", help="the revision before the change")
    parser.add_argument("--sizes", default=[512, 1024], type=lambda text: [int(size) for size in text.split(",")])
    parser.add_argument("--rounds", type=int, default=5, help="films of each size in each process (%(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="processes of each revision (%(default)s)")
    parser.add_argument("--set", default="teaching", help="of classifiers (%(default)s)")
    parser.add_argument("--weights-dir", type=Path)
    parser.add_argument("--top-k", type=int, default=3)
    options = parser.parse_args()
    with unpacked(options.against) as other, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        costs = measure(options, folder, {"before": other / "src", "after": _CHECKOUT / "src"})
        for kind, films in costs.items():
            for what in Cost._fields:
                before, after = (median(getattr(film[name], what) for film in films) for name in ("before", "after"))
                ratio = median(getattr(film["after"], what) / getattr(film["before"], what) for film in films)
                print(
                    f"{kind:>8}, {what:<9} ({len(films)} films): {1000 * before:6.1f} ms → {1000 * after:6.1f} ms,"
                    f" ratio {ratio:.3f}"
                )
        found = compared(folder / "before", folder / "after", sentences=False)
        for name in ("review.png", "*.png", "review.json"):
            before, after = (
                sum(path.stat().st_size for path in (folder / side).rglob(name)) for side in ("before", "after")
            )
            print(f"{name}: {before / 1e6:.2f} MB → {after / 1e6:.2f} MB, ratio {after / before:.3f}")
        worst = max(
            (folder / "after" / path.relative_to(folder / "before")).stat().st_size / path.stat().st_size
            for path in (folder / "before").rglob("*.png")
        )
    print(f"the picture that grew most: {worst:.3f} of its size")
    print(", ".join(f"{count} {what}" for what, count in found.counts.items()))
    for difference in found.differences:
        print(difference)
    return int(bool(found.differences) or worst > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
