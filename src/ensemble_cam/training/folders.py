"""Pictures in folders by class: which they are, which part of the training each belongs to, and their pixels.

Pictures fall into three parts: most are trained on, some say when to stop, and some are kept for the test, which
neither has seen. Where it is known which patient a picture is of, all of a patient's fall into one part: a network
knows a chest again, and would be tested on what it has learned by heart.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ensemble_cam.archive.films import find_films
from ensemble_cam.errors import ConfigError, RadiographError
from ensemble_cam.film.picture import picture_of_file
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.film.sources import read_film_file
from ensemble_cam.machine.allotted import cores
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped

TRAIN, STOP, TEST = PARTS = ("train", "stop", "test")
"""What pictures are for: to learn from, to say when to stop, and to test what was learned."""

_SHARE = 0.15  # of a class, for stopping and for the test each
_LEAST = len(PARTS)
_MOST_TABLE_BYTES = 64 * 2**20
_MOST_PIXEL_BYTES = 32 * 2**30
_READERS = 4


@dataclass(frozen=True)
class Sample:
    """A picture to learn from.

    Attributes:
        path: its file.
        shown: what lines and tables call it: its path below the folder.
        label: the number of its class.
        patient: whom it is of, by what the table calls them; None where nobody says. It is written nowhere.
    """

    path: Path
    shown: str
    label: int
    patient: str | None = None


@dataclass(frozen=True)
class Folders:
    """Pictures in folders by class.

    Attributes:
        classes: the folders' names, in alphabetical order.
        samples: all pictures, class by class.
        by_patient: whether it is known of each which patient it is of.
    """

    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    by_patient: bool = False

    @property
    def labels(self) -> np.ndarray:
        """The number of each picture's class, (n,)."""
        return np.array([each.label for each in self.samples])


def find_samples(folder: Path, patients: Path | None = None) -> Folders:
    """Find the pictures of each class, in a folder of its name, its subfolders too.

    Args:
        folder: holds a folder for each class; hidden ones are none.
        patients: a table in CSV with the columns `file`, a path below `folder`, and `patient`, of every picture.

    Raises:
        ConfigError: if these are no classes to learn, or the table does not name each picture once.
    """
    shown = escaped(str(folder))
    try:
        classes = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    except OSError as error:
        raise ConfigError(f"{shown}: {why_unreadable(error)}. Name a folder that holds one for each class.") from None
    if len(classes) < 2:
        held = f"one folder, {escaped(classes[0])}" if classes else "no folders"
        raise ConfigError(
            f"{shown}: got {held}; allowed: a folder for each class, two or more, with its pictures in it."
        )
    samples: list[Sample] = []
    for label, name in enumerate(classes):
        for film in find_films([folder / name]).films:
            samples.append(Sample(film.path, escaped(film.path.relative_to(folder).as_posix()), label))
    if patients is not None:
        samples = list(_with_patients(samples, folder, patients))
    found = Folders(tuple(classes), tuple(samples), by_patient=patients is not None)
    _check_count(found)
    return found


def _check_count(folders: Folders) -> None:
    """Refuse a class that cannot be in all parts."""
    for label, name in enumerate(folders.classes):
        groups = {each.patient or each.shown for each in folders.samples if each.label == label}
        if len(groups) < _LEAST:
            of = "patients" if folders.by_patient else "pictures"
            raise ConfigError(
                f"class {escaped(name)}: got {len(groups)} {of}; allowed: {_LEAST} or more: to learn from, to say when "
                "to stop, and for the test."
            )


def _with_patients(samples: Sequence[Sample], folder: Path, table: Path) -> Iterator[Sample]:
    known = _patients(table)
    missing = [each.shown for each in samples if each.path.relative_to(folder).as_posix() not in known]
    if missing:
        raise ConfigError(
            f"--patients: {escaped(table.name)} does not name {len(missing)} of {len(samples)} pictures, the first of "
            f"them {missing[0]}. Name each by its path below the folder."
        )
    for each in samples:
        yield replace(each, patient=known[each.path.relative_to(folder).as_posix()])


def _patients(table: Path) -> dict[str, str]:
    """Return file → patient; no sentence repeats what a cell holds, as it may be a name."""
    shown = escaped(table.name)
    try:
        text = read_file(table, most=_MOST_TABLE_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"--patients: {shown}: {why_unreadable(error)}. Check its path.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"--patients: {shown}: this is no UTF-8 text. Save it as CSV in UTF-8.") from None
    found: dict[str, str] = {}
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not {"file", "patient"} <= set(rows.fieldnames or ()):
        raise ConfigError(f"--patients: {shown}: the first line must name the columns file and patient.")
    for row in rows:
        file, patient = ((row[column] or "").strip() for column in ("file", "patient"))
        if not file or not patient or found.get(file, patient) != patient:
            why = "a cell of file or patient is empty" if not file or not patient else "the file has another patient"
            raise ConfigError(f"--patients: {shown}, line {rows.line_num}: {why}. Mend it.")
        found[file] = patient
    return found


def split(folders: Folders, *, seed: int) -> Mapping[str, np.ndarray]:
    """Return part → the indices of its samples, rising: 70 % to learn from, 15 % to stop by, 15 % for the test.

    Each class is split by itself, its patients whole where they are known. The same folders and seed give the same.

    Raises:
        ConfigError: if a class would be missing in a part.
    """
    random = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for index, each in enumerate(folders.samples):
        groups.setdefault(each.patient or each.shown, []).append(index)
    by_class: dict[int, list[list[int]]] = {}
    for members in groups.values():
        often = Counter(folders.samples[index].label for index in members).most_common(1)[0][0]
        by_class.setdefault(often, []).append(members)
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for _, of_class in sorted(by_class.items()):
        order = random.permutation(len(of_class))
        few = max(1, round(_SHARE * len(of_class)))
        for place, number in enumerate(order):
            part = TEST if place < few else STOP if place < 2 * few else TRAIN
            parts[part] += of_class[number]
    for part, indices in parts.items():
        labels = {folders.samples[index].label for index in indices}
        if absent := [name for label, name in enumerate(folders.classes) if label not in labels]:
            raise ConfigError(
                f"class {escaped(absent[0])}: its pictures are of patients of other classes, and none is left for the "
                f"part {part}. Take more patients, or another seed."
            )
    return {part: np.array(sorted(indices)) for part, indices in parts.items()}


def load_pixels(
    samples: Sequence[Sample], *, size: int, channels: int, report: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """Read pictures as a network is shown them: the whole picture, stretched to a square.

    Args:
        samples: which.
        size: of the square, in pixels.
        channels: 1 for grey, 3 for colour.
        report: told how many are read.

    Returns:
        (len(samples), channels, size, size) uint8.

    Raises:
        ConfigError: if pictures cannot be read, or are more than can be held.
    """
    shape = (len(samples), channels, size, size)
    if np.prod(shape, dtype=np.int64) > _MOST_PIXEL_BYTES:
        raise ConfigError(
            f"{len(samples)} pictures of {size} pixels take {np.prod(shape, dtype=np.int64) / 2**30:.0f} GB, and are "
            f"held in memory; allowed: {_MOST_PIXEL_BYTES // 2**30}. Take a smaller input_size, or fewer pictures."
        )
    pixels, broken = np.empty(shape, dtype=np.uint8), list[str]()
    with ThreadPoolExecutor(min(_READERS, cores())) as readers:
        try:
            found = readers.map(partial(_read, size=size, channels=channels), samples)
            for index, (sample, values) in enumerate(zip(samples, found, strict=True)):
                if isinstance(values, RadiographError):
                    broken.append(f"{sample.shown}: {values}")
                else:
                    pixels[index] = values
                report(index + 1)
        except BaseException:  # Ctrl-C, too: what waits to be read is for nobody any more; it is raised again
            readers.shutdown(cancel_futures=True)
            raise
    if broken:
        raise ConfigError(
            f"{len(broken)} of {len(samples)} pictures cannot be read. {'The first: ' if len(broken) > 1 else ''}"
            f"{broken[0]} Mend them, or take them away."
        )
    return pixels


def _read(sample: Sample, *, size: int, channels: int) -> np.ndarray | RadiographError:
    try:
        data = read_film_file(sample.path)
        picture = picture_of_file(read_radiograph(data), data)
    except RadiographError as error:
        return error
    return np.rint(picture.resized(size, channels) * 255).astype(np.uint8)
