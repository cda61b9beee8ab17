"""Whether a code's films are the same elsewhere: `python benchmarks/same_films.py`, by the lowest NumPy and OpenCV.

A second environment is made by `uv` with the lowest versions of NumPy and OpenCV that `pyproject.toml` allows, and
draws a class set's films there; here they are drawn again, and compared pixel by pixel, masks too. Then one file of
answers is judged by both environments' masks. It fetches packages, and so is no test of the suite.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.readers.class_answers import Answers, FilmAnswer, Named
from ensemble_cam.readers.class_table import class_table
from ensemble_cam.readers.classes import SIZE, ClassSet, Difficulty

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("numpy", "opencv-python-headless", "scipy", "pillow")


def draw(code: str, out: Path) -> None:
    """Draw a set's films and masks into an NPZ file."""
    of = ClassSet.of(code)
    arrays = {}
    for film in of.films:
        difficulty = of.difficulty_of(film.number, ())
        phantom = draw_phantom(film.seed, findings=film.findings, size=SIZE, difficulty=difficulty)
        arrays[f"{film.number}"] = phantom.pixels
        arrays |= {f"{film.number} {label}": mask for label, mask in phantom.masks.items()}
    np.savez_compressed(out, **arrays)


def lowest() -> list[str]:
    """Return the requirements of the second environment."""
    told = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = []
    for name in _PACKAGES:
        (least,) = [re.search(r">=([\d.]+)", each) for each in told if each.split(">=")[0] == name]
        assert least is not None
        found.append(f"{name}=={least[1]}.*")
    return found


def drawn_elsewhere(code: str, folder: Path) -> Path:
    """Make the second environment, draw the films there, and return their file."""
    python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(folder / "venv")], check=True)
    subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *lowest()], check=True)
    versions = "import numpy, cv2; print('NumPy', numpy.__version__, 'OpenCV', cv2.__version__)"
    subprocess.run([str(python), "-c", versions], check=True)
    out = folder / "elsewhere.npz"
    environment = {"PYTHONPATH": str(_ROOT / "src"), "PATH": ""}
    subprocess.run([str(python), __file__, "--draw", code, "--out", str(out)], check=True, env=environment)
    return out


def judged(of: ClassSet, films: "np.lib.npyio.NpzFile", points: dict[tuple[int, str], tuple[int, int]]) -> list[object]:
    """Return how one file of answers is judged by these masks: each finding named, and marked at its point."""

    def truth(_of: ClassSet, number: int, _difficulty: float | None) -> dict[str, np.ndarray]:
        return {label: films[f"{number} {label}"] for label in of.films[number - 1].findings}

    answers = [
        FilmAnswer(each.number, {label: Named(80, points[each.number, label]) for label in each.findings})
        for each in of.films
    ]
    return [each.hit for each in class_table([Answers(of, "Ann", tuple(answers))], truth=truth).answers]


def main() -> None:
    """Compare, and tell the largest difference."""
    parser = argparse.ArgumentParser(description="Whether a code's films are the same with the lowest pinned packages.")
    parser.add_argument("--draw", metavar="CODE", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.draw:
        draw(options.draw, options.out)
        return
    of = ClassSet(31337, 20, Difficulty.MEDIUM)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(of.code, folder / "here.npz")
        elsewhere = drawn_elsewhere(of.code, folder)
        with np.load(folder / "here.npz") as here, np.load(elsewhere) as there:
            assert here.files == there.files
            films = [key for key in here.files if " " not in key]
            worst = max(int(np.abs(here[key].astype(int) - there[key]).max()) for key in films)
            masks = sum(int((here[key] != there[key]).sum()) for key in here.files if key not in films)
            random = np.random.default_rng(1)
            points = {}
            for film in of.films:
                for label in film.findings:
                    ys, xs = np.nonzero(here[f"{film.number} {label}"])
                    at = random.integers(len(xs))
                    x, y = (int(np.clip(each + random.normal(0, 40), 0, SIZE - 1)) for each in (xs[at], ys[at]))
                    points[film.number, label] = x, y
            one, other = judged(of, here, points), judged(of, there, points)
        hits = [each for each in one if each is not None]
        print(f"{len(films)} films: grey levels differ by {worst} at most, masks in {masks} pixels")
        print(f"{len(hits)} marks of one file, {sum(hits)} of them hits: judged {'alike' if one == other else 'APART'}")


if __name__ == "__main__":
    main()
