"""The teacher's page: what a class handed in, as tables."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.names import escaped
from ensemble_cam.readers.class_answers import Answers, over_time, read_answers
from ensemble_cam.readers.class_csv import class_csv
from ensemble_cam.readers.class_table import ClassTable, Mean, Part, Skill, class_table
from ensemble_cam.readers.classes import Planned
from ensemble_cam.readers.film_sets import AnySet, FilmSet, OwnFilm, is_set_file, read_set
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.classes.charts import calibration, curve
from ensemble_cam.ui.classes.sitting import ClassPage, session_class
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.reviewing import show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.table import show_table
from ensemble_cam.ui.words import plain

_SHOWN: dict[str, Callable[[Skill], Part]] = {
    "Found": lambda skill: skill.found,
    "Spared": lambda skill: skill.spared,
    "Marks that hit": lambda skill: skill.hits,
}
_HELP = (
    "**Found:** of the films in which the finding is planted, those where it was named. **Spared:** of the films "
    "without it, those where it was not named. **Marks that hit:** of the marks of what is there, those in it or at "
    "most 5 % of the film's width beside it. In brackets stands where the share of all findings is likely to lie "
    "(95 %) on further films of this kind, for these students."
)


def show_handed_in(held: ClassPage) -> None:
    """Show the teacher's page."""
    st.title("Look at a class")
    uploads = st.file_uploader(
        "Files that the students handed in",
        type="json",
        accept_multiple_files=True,
        key="class files",
        help="Those of one set are one table; a student's curve goes over all sets. Open the file of a set of "
        "own films with them. They stay in this page's memory, and are written nowhere.",
    )
    if not uploads:
        st.markdown("Thirty files are one table: students and findings, marks, confidence, and the hardest films.")
        return
    data = [(upload.name, upload.getvalue()) for upload in uploads]
    answers = _read(data)
    if not answers:
        return
    of = _chosen_set(answers)
    key = of, hashlib.sha256(b"".join(sorted(hashlib.sha256(each).digest() for _, each in data))).hexdigest()
    table = held.judging.get(key, _judging([each for each in answers if each.set == of]))
    if table is None:
        show_work(_slot, again="Try again", key="class judging")
        return
    _show_students(table)
    left, right = st.columns(2, gap="large")
    with left:
        _show_confidence(table, answers)
    with right:
        _show_hardest(table)
    st.download_button(
        "Table as CSV",
        class_csv(table),
        file_name=f"class_{table.set.code}.csv",
        mime="text/csv",
        on_click="ignore",
        key="class csv",
    )


def _read(data: Sequence[tuple[str, bytes]]) -> list[Answers]:
    sets: list[FilmSet] = []
    found = []
    for name, each in sorted(data, key=lambda item: not is_set_file(item[1])):  # a set's file before its answers
        try:
            if is_set_file(each):
                sets.append(read_set(each))
            else:
                found.append(read_answers(each, sets))
        except ConfigError as error:
            st.warning(plain(f"{escaped(name)}: {error}"))
    return found


def _chosen_set(answers: Sequence[Answers]) -> AnySet:
    """Return the set that is looked at; where the files are of several, the teacher chooses."""
    sets = list(dict.fromkeys(each.set for each in sorted(answers, key=lambda each: each.began)))
    if len(sets) == 1:
        return sets[0]
    code = st.segmented_control(
        "The files are of several sets",
        [each.code for each in sets],
        default=sets[-1].code,
        required=True,
        key="class of",
    )
    return next(each for each in sets if each.code == code)


def _judging(answers: Sequence[Answers]) -> Callable[[Job[ClassTable]], ClassTable]:
    def work(job: Job[ClassTable]) -> ClassTable:
        return class_table(answers, progress=job.report)

    return work


def _slot() -> Slot[ClassTable]:
    return session_class().judging


def _show_students(table: ClassTable) -> None:
    students = len(table.students)
    called = f"“{plain(table.set.title)}”" if isinstance(table.set, FilmSet) else f"code {table.set.code}"
    told = f"{students} student{'s' * (students != 1)} · {table.set.count} films · {called}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{told}**", help=_HELP, width="stretch")
        which = st.segmented_control(
            "Shown", list(_SHOWN), default="Found", required=True, key="class shown", label_visibility="collapsed"
        )
    findings = table.set.findings
    head = ["Student", *map(displayed, findings), "All", "Films right", "Too sure by, points", "Films"]
    if table.set.follows:
        head.insert(-1, "Difficulty reached")
    rows = [_row(table, None, which), *(_row(table, student, which) for student in table.students)]
    with st.container(key="class-students"):
        show_table(head, rows)


def _row(table: ClassTable, student: str | None, which: str) -> list[str]:
    part_of = _SHOWN[which]
    skill = table.skill(student=student)
    cells = [_share(part_of(table.skill(student=student, finding=label))) for label in table.set.findings]
    right = [each for name in ([student] if student else table.students) for each in table.rights(name)]
    found = [
        student or f"All {len(table.students)}",
        *cells,
        _share(part_of(skill), at_length=True),
        f"{sum(right)}/{len(right)}",
        _excess(skill.excess),
        str(len(right)),
    ]
    if table.set.follows:
        reached = table.reached(student) if student else None
        found.insert(-1, "–" if reached is None else f"{reached:.1f}")
    return found


def _share(part: Part, *, at_length: bool = False) -> str:
    if part.value is None:
        return "–"
    if not at_length or part.interval is None:
        return f"{part.part}/{part.whole}"
    low, high = part.interval
    return f"{part.value:.0%} ({low:.0%}–{high:.0%})"


def _most(counts: Mapping[str, int]) -> str:
    """Return the three findings with most students."""
    most = sorted(counts, key=counts.__getitem__, reverse=True)
    told = ", ".join(f"{displayed(label)} {counts[label]}" for label in most[:3])
    return (f"{told}, …" if len(most) > 3 else told) or "–"


def _excess(mean: Mean | None) -> str:
    if mean is None:
        return "–"
    if mean.interval is None:
        return _points(mean.value)
    return f"{_points(mean.value)} ({_points(mean.interval[0])} to {_points(mean.interval[1])})"


def _points(share: float) -> str:
    points = round(100 * share)
    return "0" if points == 0 else f"{points:+d}".replace("-", "−")


def _show_confidence(table: ClassTable, handed_in: Sequence[Answers]) -> None:
    st.markdown(
        "**How sure, and how often right**",
        help="Of what was named with each confidence, the share that is there. On the dashed line, who says 80 % is "
        "right four times in five; below it, they are too sure. In the table: mean confidence less that share, in "
        "percentage points.",
    )
    who = st.selectbox("Of", ["the class", *table.students], key="class sure of", label_visibility="collapsed")
    student = None if who == "the class" else who
    st.html(calibration(table.levels(student=student)))
    if student is not None:
        st.markdown("**Over the films**: right, of the last five each")
        st.html(curve(table.rights(student)))
        every = over_time(handed_in, student)
        if len(every) > len(table.rights(student)):
            st.markdown(f"**Over all sets**, {len(every)} films, in the order in which they were begun")
            st.html(curve(every))


def _show_hardest(table: ClassTable) -> None:
    own = isinstance(table.set, FilmSet)
    help = "Films stand here by their number in the set and the beginning of their files' SHA-256."
    st.markdown("**Hardest films**", help=help if own else "The phantom lab draws a film by its seed and findings.")
    rows = []
    for each in table.hardest()[:10]:
        rows.append(
            [
                _film_name(each.film),
                ", ".join(map(displayed, each.film.findings)) or "normal",
                f"{each.right}/{each.answered}",
                _most(each.overlooked),
                _most(each.invented),
                f"{each.seconds:.0f} s",
            ]
        )
    show_table(["Film", "There", "Right", "Not named by", "Named, not there", "Time"], rows)


def _film_name(film: Planned | OwnFilm) -> str:
    return f"{film.number} (seed {film.seed})" if isinstance(film, Planned) else f"{film.number} ({film.sha256[:8]}…)"
