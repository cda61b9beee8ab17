"""Compare two folders of reviews, file by file: whether a change of the program changed a number or a pixel.

    uv run python benchmarks/same_reviews.py BEFORE AFTER [--sentences]

Both hold what `ensemble-cam review` wrote, at any depth, by two versions of the program on the same films, weights and
machine. Every file of BEFORE must be in AFTER and no other. Pictures must be equal in all pixels and in their text
chunks, arrays in all values, and `review.json` in all but its times. Keys of `review.json` may be added; they are
counted, with what they hold; so may columns behind the last one of `summary.csv`. With `--sentences`, texts may differ
as well: text chunks, texts in `review.json` and `summary.csv`, and the figure and the contact sheet, which are made of
text. They are counted, and each different text is printed once.

Exit code 1 on any other difference, each in one line.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

FIGURE = "review.png"
TIMES = {"seconds", "reviewed_at"}
_MANY = 12


@dataclass
class Comparison:
    """What was found so far.

    Attributes:
        counts: what → how often.
        added: a key of `review.json`, without numbers of places → how often it was added.
        values: such a key → the different plain values that it holds.
        texts: (where, before, after) of texts that differ.
        differences: one line each.
    """

    sentences: bool
    counts: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    texts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def text(self, name: str, where: str, before: str, after: str) -> None:
        """Take note of a text, which may differ where sentences may."""
        if before != after:
            self.texts[_place(where), before, after] += 1
            if not self.sentences:
                self.differences.append(f"{name}: {where}: {before!r} became {after!r}")


def compared(before: Path, after: Path, *, sentences: bool) -> Comparison:
    """Compare all files of two folders."""
    found = Comparison(sentences)
    names = {str(path.relative_to(before)) for path in before.rglob("*") if path.is_file()}
    others = {str(path.relative_to(after)) for path in after.rglob("*") if path.is_file()}
    found.differences += [f"{name}: not there any more" for name in sorted(names - others)]
    found.differences += [f"{name}: was not there before" for name in sorted(others - names)]
    for name in sorted(names & others):
        kind = Path(name).suffix
        if kind == ".png":
            _compare_pictures(found, name, before / name, after / name)
        elif kind == ".json":
            found.counts["review.json"] += 1
            one, other = (json.loads((folder / name).read_text(encoding="utf-8")) for folder in (before, after))
            _compare_values(found, name, "", one, other)
        elif kind == ".csv":
            _compare_tables(found, name, before / name, after / name)
        elif kind == ".npz":
            _compare_arrays(found, name, before / name, after / name)
        elif (before / name).read_bytes() != (after / name).read_bytes():
            if sentences and kind == ".html":
                found.counts["contact sheets of other words"] += 1
            else:
                found.differences.append(f"{name}: other bytes")
    return found


def _compare_pictures(found: Comparison, name: str, before: Path, after: Path) -> None:
    with Image.open(before) as one, Image.open(after) as other:
        same = one.size == other.size and np.array_equal(np.asarray(one), np.asarray(other))
        texts = dict(one.text), dict(other.text)
    found.counts["PNGs"] += 1
    if same:
        found.counts["PNGs equal in pixels"] += 1
    elif found.sentences and Path(name).name == FIGURE:
        found.counts["figures of other words"] += 1
    else:
        found.differences.append(f"{name}: other pixels")
    for key in sorted(texts[0].keys() | texts[1].keys()):
        found.text(name, f"text chunk {key}", texts[0].get(key, ""), texts[1].get(key, ""))


def _compare_arrays(found: Comparison, name: str, before: Path, after: Path) -> None:
    with np.load(before) as one, np.load(after) as other:
        found.counts["arrays"] += len(one)
        if sorted(one) != sorted(other):
            found.differences.append(f"{name}: other arrays")
        else:
            found.differences += [f"{name}: {key}: other values" for key in one if not _equal(one[key], other[key])]


def _compare_tables(found: Comparison, name: str, before: Path, after: Path) -> None:
    (head, *rows), (other_head, *others) = (_rows(path) for path in (before, after))
    found.counts["tables"] += 1
    if other_head[: len(head)] != head or len(rows) != len(others):
        found.differences.append(f"{name}: other columns or rows")
        return
    for column in other_head[len(head) :]:
        found.added[f"{name}, column {column}"] += len(others)
    for row, other in zip(rows, others, strict=True):
        for column, one, another in zip(head, row, other, strict=False):
            found.text(name, f"column {column}", one, another)


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)


def _compare_values(found: Comparison, name: str, where: str, before: object, after: object) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in after.keys() - before.keys():
            _count_added(found, f"{where}.{key}", after[key])
        found.differences += [f"{name}: {where}.{key}: not there any more" for key in before.keys() - after.keys()]
        for key in before.keys() & after.keys() - TIMES:
            _compare_values(found, name, f"{where}.{key}", before[key], after[key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            _compare_values(found, name, f"{where}[{place}]", one, other)
    elif isinstance(before, str) and isinstance(after, str):
        found.text(name, where, before, after)
    elif type(before) is not type(after) or before != after:
        found.differences.append(f"{name}: {where}: {before!r} became {after!r}")


def _count_added(found: Comparison, where: str, value: object) -> None:
    place = _place(where)
    found.added[place] += 1
    if value is None or isinstance(value, str | bool):
        found.values.setdefault(place, Counter())[json.dumps(value, ensure_ascii=False)] += 1


def _place(where: str) -> str:
    return re.sub(r"\[\d+\]", "[]", where).removeprefix(".")


def told(found: Comparison) -> Iterator[str]:
    """Yield what was found in lines."""
    yield ", ".join(f"{count} {what}" for what, count in found.counts.items()) or "No file was compared."
    yield f"{len(found.added)} keys and columns added, {sum(found.added.values())} times"
    for place, count in sorted(found.added.items()):
        held = ", ".join(f"{value} {times}×" for value, times in found.values.get(place, Counter()).most_common(_MANY))
        yield f"  {place}: {count}×" + (f" ({held})" if held else "")
    yield f"{len(found.texts)} texts changed, {sum(found.texts.values())} times"
    for (where, before, after), count in sorted(found.texts.items()):
        yield f"  {where}, {count}×:\n    before: {before}\n    after:  {after}"
    yield f"{len(found.differences)} differences" + (":" if found.differences else "")
    yield from (f"  {line}" for line in found.differences[:_MANY])
    if len(found.differences) > _MANY:
        yield f"  and {len(found.differences) - _MANY} more"


def main() -> int:
    """Compare, print, and return 1 where something differs that must not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path, metavar="BEFORE")
    parser.add_argument("after", type=Path, metavar="AFTER")
    parser.add_argument("--sentences", action="store_true", help="texts and the figure made of them may differ")
    options = parser.parse_args()
    for folder in (options.before, options.after):
        if not folder.is_dir():
            parser.error(f"{folder} is no folder")
    found = compared(options.before, options.after, sentences=options.sentences)
    print("\n".join(told(found)))
    return 1 if found.differences or not found.counts else 0


if __name__ == "__main__":
    sys.exit(main())
