"""The tables of an archive as Arrow and Parquet: their columns' types, rows of films, and reading and writing.

A *block* is some films with all of their rows in every table. Files hold block after block: the n-th row group of
each table is of the same films, so that a block can be read by itself, whatever the file's size.
"""

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ensemble_cam.archive.asked import Detail
from ensemble_cam.archive.film_record import FilmRecord
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.vocabulary import ARCHIVE_COLUMNS, FILMS, FINDINGS, GREY_PERCENTILES, MAPS, SCORES

DONE, FAILED = "done", "failed"
"""What became of a film: its column `state`."""

METADATA = "ensemble-cam"
"""The key of each file's metadata under which its purpose, settings and classifiers stand, as JSON."""

_TYPES: Mapping[str, Mapping[str, pa.DataType]] = {
    FILMS: {
        **dict.fromkeys(("width", "height", "bits"), pa.int32()),
        **{f"grey_p{percentile:02d}": pa.int32() for percentile in GREY_PERCENTILES},
        "meaningless": pa.bool_(),
    },
    SCORES: {"score": pa.float64()},
    FINDINGS: {
        **dict.fromkeys(("rank", "hottest_x", "hottest_y"), pa.int32()),
        **dict.fromkeys(("agreement", "area"), pa.float64()),
        "split": pa.bool_(),
        "box": pa.list_(pa.int32(), 4),
    },
    MAPS: {"rows": pa.int32(), "columns": pa.int32(), "grid": pa.list_(pa.float16())},
}

SCHEMAS: Mapping[str, pa.Schema] = {
    table: pa.schema([(column, _TYPES[table].get(column, pa.string())) for column in columns])
    for table, columns in ARCHIVE_COLUMNS.items()
}
"""Table → its columns with their types; what is no number or truth is text."""

Block = Mapping[str, pa.Table]


def tables_of(detail: Detail) -> tuple[str, ...]:
    """Return which tables an archive of some detail has."""
    return {
        "scores": (FILMS, SCORES),
        "findings": (FILMS, SCORES, FINDINGS),
        "maps": (FILMS, SCORES, FINDINGS, MAPS),
    }[detail]


def file_of(table: str) -> str:
    """Return the name of a table's file."""
    return f"{table}.parquet"


def block_of(records: Sequence[tuple[str, str, FilmRecord]], tables: Sequence[str]) -> Block:
    """Return films as a block.

    Args:
        records: of each film its name, what its file is known by, and what is kept of it.
        tables: which tables are made.
    """
    films: list[dict[str, Any]] = []
    scores: list[list[Any]] = []
    findings: list[list[Any]] = []
    for name, known_by, record in records:
        state = DONE if record.reason is None else FAILED
        row = {"film": name, "sha256": record.sha256, "state": state, "reason": record.reason, "known_by": known_by}
        films.append({**row, **record.facts})
        # A film that failed is one row here, too.
        of_film = record.scores if record.reason is None else [[None, None, None, record.reason]]
        scores += [[name, *each] for each in of_film]
        findings += [[name, *each] for each in record.findings]
    made = {
        FILMS: pa.Table.from_pylist(films, schema=SCHEMAS[FILMS]),
        SCORES: _table(SCORES, scores),
        FINDINGS: _table(FINDINGS, findings),
    }
    if MAPS in tables:
        made[MAPS] = _maps(records)
    return {table: made[table] for table in tables}


def _table(name: str, rows: list[list[Any]]) -> pa.Table:
    schema = SCHEMAS[name]
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def _maps(records: Sequence[tuple[str, str, FilmRecord]]) -> pa.Table:
    rows = [
        [name, grid.finding, grid.classifier, *grid.values.shape] for name, _, each in records for grid in each.maps
    ]
    values = [grid.values.astype(np.float16).ravel() for _, _, each in records for grid in each.maps]
    offsets = np.cumsum([0, *(len(each) for each in values)], dtype=np.int32)
    flat = pa.array(np.concatenate([np.empty(0, np.float16), *values]), type=pa.float16())
    grids = pa.ListArray.from_arrays(pa.array(offsets), flat)
    names = SCHEMAS[MAPS].names[:-1]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [
        pa.array(values, type=SCHEMAS[MAPS].field(name).type) for name, values in zip(names, columns, strict=True)
    ]
    return pa.table([*arrays, grids], schema=SCHEMAS[MAPS])


def part_of(block: Block, first: int, count: int) -> Block:
    """Return some of a block's films, that follow one another, with their rows of every table."""
    films = block[FILMS]
    if first == 0 and count == len(films):
        return block
    chosen = films.slice(first, count)
    names = chosen["film"].combine_chunks()
    return {
        table: chosen if table == FILMS else rows.filter(pc.is_in(rows["film"], value_set=names))
        for table, rows in block.items()
    }


def joined(blocks: Sequence[Block]) -> Block:
    """Return several blocks as one."""
    return {table: pa.concat_tables([block[table] for block in blocks]) for table in blocks[0]}


def size_of(block: Block) -> int:
    """Return how many bytes a block takes in memory."""
    return sum(table.nbytes for table in block.values())


class BlockWriter:
    """Writes blocks into a folder's files, one row group in each for every block.

    Args:
        folder: it has to be there.
        tables: which tables are written.
        about: what every file says of itself.
    """

    def __init__(self, folder: Path, tables: Sequence[str], about: Mapping[str, Any]):
        metadata = {METADATA: json.dumps({"purpose": PURPOSE, **about})}
        self._writers = {}
        with ExitStack() as opened:
            for table in tables:
                file = opened.enter_context((folder / file_of(table)).open("wb"))
                schema = SCHEMAS[table].with_metadata(metadata)
                writer = pq.ParquetWriter(file, schema, compression="zstd")
                self._writers[table] = opened.enter_context(writer)
            self._stack = opened.pop_all()

    def write(self, block: Block) -> None:
        """Write a block behind the others."""
        for table, writer in self._writers.items():
            rows = block[table].replace_schema_metadata(writer.schema.metadata)
            writer.write_table(rows, row_group_size=max(1, len(rows)))

    def __enter__(self) -> "BlockWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class BlockReader:
    """Reads the blocks of a folder's files, each by its number, as long as it is open.

    Args:
        folder: with the files that `BlockWriter` wrote.
        tables: which tables are read.

    Raises:
        OSError: if a file cannot be read, or is none of these.
    """

    def __init__(self, folder: Path, tables: Sequence[str]):
        self._files: dict[str, pq.ParquetFile] = {}
        with ExitStack() as opened:
            for table in tables:
                self._files[table] = _opened(opened.enter_context((folder / file_of(table)).open("rb")))
            self.count = self._files[FILMS].num_row_groups
            if any(file.num_row_groups != self.count for file in self._files.values()):
                raise OSError(errno.EINVAL, "its tables are not of the same films")
            self._stack = opened.pop_all()

    def block(self, number: int) -> Block:
        """Return a block."""
        return {table: file.read_row_group(number).cast(SCHEMAS[table]) for table, file in self._files.items()}

    def films(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of each block's films."""
        for number in range(self.count):
            yield self._files[FILMS].read_row_group(number, columns=list(columns))

    def __enter__(self) -> "BlockReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _opened(file: BinaryIO) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except pa.ArrowInvalid:
        raise OSError(errno.EINVAL, "one of its files is no table of an archive") from None
