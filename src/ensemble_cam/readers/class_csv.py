"""A class's table as CSV: a row for each student and finding, and for the class."""

from statistics import median

from ensemble_cam.machine.names import cell
from ensemble_cam.readers.class_table import ClassTable, Part
from ensemble_cam.readers.table import csv_of

ALL, CLASS = "all", "class"
"""In place of a finding, and of what kind a row is beside `student`."""

_SHARES = ("found", "spared", "hits")
COLUMNS = (
    *("code", "row", "student", "finding", "films", "films_right"),
    *(f"{name}{end}" for name in _SHARES for end in ("", "_of", "_low", "_high")),
    *("excess", "excess_low", "excess_high", "seconds", "difficulty_reached"),
)
"""Of the table. See the manual for what each holds."""


def class_csv(table: ClassTable) -> bytes:
    """Return the table: the class first, then students in alphabetical order; in each, all findings together first."""
    rows = [
        _row(table, student, finding) for student in (None, *table.students) for finding in (None, *table.set.findings)
    ]
    return csv_of(COLUMNS, rows)


def _row(table: ClassTable, student: str | None, finding: str | None) -> list[object]:
    skill = table.skill(student=student, finding=finding)
    handed_in = [table.handed_in[student]] if student else list(table.handed_in.values())
    films = [film for each in handed_in for film in each.films]
    who = [table.set.code, "student" if student else CLASS, cell(student) if student else "", finding or ALL]
    right = sum(map(sum, map(table.rights, [student] if student else table.students))) if finding is None else ""
    excess = skill.excess
    reached = table.reached(student) if student and finding is None else None
    return [
        *who,
        len(films),
        right,
        *(number for part in (skill.found, skill.spared, skill.hits) for number in _cells(part)),
        *(("", "", "") if excess is None else (excess.value, *(excess.interval or ("", "")))),
        median(film.seconds for film in films) if films and finding is None else "",
        "" if reached is None else reached,
    ]


def _cells(part: Part) -> tuple[object, ...]:
    return (part.part, part.whole, *(part.interval or ("", "")))
