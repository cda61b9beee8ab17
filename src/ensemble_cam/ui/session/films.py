"""The films of a session and the one on the stage: in `st.session_state` and nowhere else, gone when removed.

Which film is on the stage is known here, by its number, and nowhere else. What the browser sends is a request that
names a film by number and hash, and the change of the server's that it has seen; one that has not seen the latest is
dropped.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import ref

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ensemble_cam.errors import Cancelled
from ensemble_cam.film.intake import StoredFilm
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.ui.session.networks import Identities
from ensemble_cam.ui.session.overtaking import overtaken
from ensemble_cam.ui.session.reading import EXAMPLES, Reading
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.trusting import Trusting
from ensemble_cam.ui.session.turns import FILM, OPENING, RESULT, TURNS
from ensemble_cam.ui.viewer.payload import FilmPart

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.reviewing.pipeline import Examination
    from ensemble_cam.ui.session.shown import Shown
    from ensemble_cam.ui.viewer.wanted import Delivered

M = TypeVar("M")
T = TypeVar("T")

_FILMS, _UPLOADS = "films", "upload count"
_GIVEN_UP_AFTER = 1.0  # seconds: to end a decoder and start another costs half of one


@dataclass(frozen=True)
class FilmId:
    """What a film is known by, on the server and in the browser.

    Attributes:
        number: of this session's films; callbacks name films by it, as Streamlit keeps a callback's arguments long
            after its button is gone, and would keep the film with them.
        sha256: of the file's bytes.
    """

    number: int
    sha256: str

    @property
    def key(self) -> str:
        """The film's part of the keys of containers and buttons, which `stage.js` looks for."""
        return f"{self.number}-{self.sha256[:12]}"


@dataclass(eq=False)
class OpenFilm:
    """One film of this session and everything that was made of it.

    Attributes:
        id: its number and hash.
        name: the file's name, escaped, shown to this session only.
        data: the file's bytes.
        planted: what was drawn into a phantom that this session drew; None for any other film.
        example: whether the session has opened it by itself, so that its review makes way for all that readers ask for.
            It is the same for all sessions, and nobody's: they share what is read of it.
        case: what the reader calls it in what leaves the program; None without.
        stored: gives the film as it was decoded, where the session has that and not its file; None elsewhere.
        revealed: whether scores and maps may be seen under *Read first*.
        shown_anyway: the networks, see `networks.identities`, whose maps are to be seen though they mean nothing,
            until it leaves the stage; None for none.
        reading: the film as it was last read; None before.
        examining: what the networks made of it, by film and networks.
        reviewing: its review, by all the settings.
        trusting: what was measured of its maps.
        shown: what the live viewer was sent of it; None unless it is on the stage.
        delivered: the view of it that the reader asked for last; None unless it is on the stage.
    """

    id: FilmId
    name: str
    data: bytes = field(repr=False)
    planted: tuple[str, ...] | None = None
    example: bool = False
    case: str | None = None
    stored: Callable[[], StoredFilm] | None = field(default=None, repr=False)
    revealed: bool = False
    shown_anyway: Identities | None = None
    reading: Reading | None = None
    examining: "Slot[Examination]" = field(default_factory=Slot)
    reviewing: "Slot[Analysis]" = field(default_factory=Slot)
    trusting: Trusting = field(default_factory=Trusting)
    shown: "Shown | None" = field(default=None, repr=False)
    delivered: "Delivered | None" = field(default=None, repr=False)
    _parts: dict[bool, tuple[Radiograph, FilmPart]] = field(default_factory=dict, repr=False)
    _kept: "dict[str, tuple[ref[Any], Any]]" = field(default_factory=dict, repr=False)

    @property
    def radiograph(self) -> Radiograph | None:
        """The film as it was last read, None where it could not be."""
        return self.reading.radiograph if self.reading is not None else None

    @property
    def failure(self) -> str | None:
        """Why it could not be read, or None."""
        return self.reading.failure if self.reading is not None else None

    def read(self, asked: Pixels | None = None) -> Reading:
        """Read the film, unless it was read this way before; a run of the page goes on with what it gets here.

        While it waits for its turn, a run that it has overtaken may put another reading into `reading`.
        """
        asked = asked or Pixels()
        held = self.reading
        if held is None or held.asked != asked:
            held = self.reading = None  # the one before is not to lie beside it in memory
            self._parts.clear()
            with TURNS.aside():
                held = self.reading = self._read(asked)
        return held

    def _read(self, asked: Pixels) -> Reading:
        if self.example:
            return EXAMPLES.read(self.data, asked)
        if self.stored is not None:
            return Reading.of_stored(self.stored, self.id.sha256, asked)
        newer, began = overtaken(), time.monotonic()
        try:
            return Reading.of(
                self.data, asked, cancelled=lambda: time.monotonic() - began > _GIVEN_UP_AFTER and newer()
            )
        except Cancelled:
            session_films()  # where Streamlit ends this run
            return Reading.of(self.data, asked)  # it was let go on all the same

    def kept(self, what: str, of: M, make: Callable[[M], T]) -> T:
        """Return what `make` makes of something of this film, made once for as long as that is there."""
        held = self._kept.get(what)
        if held is None or held[0]() is not of:
            held = self._kept[what] = ref(of), make(of)
        return cast("T", held[1])

    def clear(self) -> None:
        """Let go of the film and of everything that was made of it, whoever still holds this object."""
        self.reviewing.close()
        self.examining.close()
        self.trusting.close()
        self.name, self.data, self.reading, self.stored = "", b"", None, None
        self._kept.clear()
        self.leave_viewer()

    def part(self, read: Radiograph, *, whole: bool) -> FilmPart:
        """Return what the viewer is sent of the film itself, as it was last read; packed once."""
        if self.example:
            return EXAMPLES.part(read, whole=whole)
        held = self._parts.get(whole)
        if held is None or held[0] is not read:
            held = self._parts[whole] = read, FilmPart.of(read, whole=whole)
        return held[1]

    def leave_viewer(self) -> None:
        """Let go of what the viewer was sent."""
        self.shown = self.delivered = None
        self._parts.clear()

    def leave_stage(self) -> None:
        """Let go of what only the film on the stage needs, tens of megabytes a film, and of what is still to come."""
        self.shown_anyway = None
        self.leave_viewer()
        self.examining.refuse_values()
        if self.example:
            self.reviewing.drop_work()


class SessionFilms(Mapping[int, OpenFilm]):
    """This session's films by number, in the order in which they came, and which of them is on the stage.

    Attributes:
        revision: how often the server itself has put a film on the stage, for an upload, a phantom or a removal.
        phantom_opened: whether the session has begun with a drawn film; it does so once.
        owner: the browser session that shows them; None before one says so.
        anew: changes where a page goes on as another one was left.
        beside: what other pages keep of the session's films, for as long as these are there.
        listed: numbers of the films that the list of films was drawn with last.
        drawn: part of the page → what it was last drawn for, and in which of its two places; see `stage.emptied`.
    """

    def __init__(self) -> None:
        self._films: dict[int, OpenFilm] = {}
        self._last = 0
        self._on_stage: int | None = None
        self._taken: set[str] = set()
        self.revision = 0
        self.phantom_opened = False
        self.owner: str | None = None
        self.anew = ""
        self.beside: dict[str, Any] = {}
        self.listed: frozenset[int] = frozenset()
        self.drawn: dict[str, tuple[str, int]] = {}

    def __getitem__(self, number: int) -> OpenFilm:
        return self._films[number]

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._films))  # two runs of a page can overlap, and one of them add a film

    def __len__(self) -> int:
        return len(self._films)

    @property
    def urgency(self) -> int:
        """How urgent the next run of the page is, see `turns`."""
        film = self.on_stage
        if film is None or film.example:
            return OPENING
        job = film.reviewing.job
        return FILM if job is None or not job.done else RESULT

    @property
    def on_stage(self) -> OpenFilm | None:
        """The film on the stage."""
        return self._films.get(self._on_stage) if self._on_stage is not None else None

    def add(self, name: str, data: bytes, *, planted: tuple[str, ...] | None = None, example: bool = False) -> OpenFilm:
        """Put a film at the end; the first one goes on the stage, too."""
        self._last += 1
        id = FilmId(self._last, hashlib.sha256(data).hexdigest())
        film = self._films[id.number] = OpenFilm(id, escaped(name), data, planted=planted, example=example)
        if self.on_stage is None:
            self.put_on_stage(film)
        return film

    def add_kept(self, sha256: str, name: str, stored: Callable[[], StoredFilm], **known: Any) -> OpenFilm:
        """Put a film at the end whose file is not here; the stage stays as it is.

        Args:
            sha256: of its file.
            name: what it is called.
            stored: gives it as it was decoded.
            **known: further attributes of `OpenFilm`.
        """
        self._last += 1
        id = FilmId(self._last, sha256)
        self._films[id.number] = made = OpenFilm(id, name, b"", stored=stored, **known)
        return made

    def begin_page(self, owner: str | None) -> None:
        """Let these films be shown by another page, on which nothing is drawn yet."""
        self.owner = owner
        self.anew = secrets.token_hex(4)
        self.drawn.clear()
        self.revision += 1
        for film in tuple(self._films.values()):
            film.leave_viewer()

    def take(self, uploads: Sequence[UploadedFile]) -> None:
        """Put uploaded files among the films, the first of them on the stage; those that were taken before are not."""
        new = [upload for upload in uploads if upload.file_id not in self._taken]
        added = [self.add(upload.name, upload.getvalue()) for upload in new]
        self._taken.update(upload.file_id for upload in new)
        if added:
            self.put_on_stage(added[0])

    def put_on_stage(self, film: OpenFilm | None) -> None:
        """Put a film on the stage: the server's own doing, which no older request may undo."""
        self._on_stage = None if film is None else film.id.number
        self.revision += 1

    def request(self, told: object) -> bool:
        """Put the film on the stage that a message of the browser's asks for.

        Returns:
            False where the message is dropped: it is no such message, names no film of this session, or was sent
            before the browser knew of the server's latest change.
        """
        if not isinstance(told, Mapping) or told.get("revision") != self.revision:
            return False
        number = told.get("number")
        film = self._films.get(number) if isinstance(number, int) else None
        if film is None or film.id.sha256 != told.get("sha256"):
            return False
        self._on_stage = film.id.number
        return True

    def remove(self, number: int) -> None:
        """Drop a film and everything that was made of it; the next one takes its place on the stage."""
        removed = self._films.pop(number, None)
        if removed is None:
            return
        removed.clear()
        following = next((film for place, film in self._films.items() if place > number), None)
        if self._on_stage == number:
            self.put_on_stage(following or next(iter(reversed(self._films.values())), None))

    def clear(self) -> None:
        """Drop all films, whoever still holds this object."""
        for film in tuple(self._films.values()):
            film.clear()
        self._films.clear()
        self.beside.clear()


def session_films() -> SessionFilms:
    """Return this session's films."""
    return st.session_state.setdefault(_FILMS, SessionFilms())


def put_films(films: SessionFilms) -> None:
    """Let these be this session's films."""
    st.session_state[_FILMS] = films


def film(number: int) -> OpenFilm | None:
    """Return a film of this session by its number, None if it was removed."""
    return session_films().get(number)


def remove_film(number: int) -> None:
    """Drop a film; the callback of a button."""
    session_films().remove(number)


def uploader_key() -> str:
    """Return the key of the uploader, which changes with every upload so that it is empty again."""
    return f"uploader {st.session_state.get(_UPLOADS, 0)}"


def take_late_uploads(key: str) -> None:
    """Take what the uploader of this key holds; its callback, which also runs for one that was replaced meanwhile."""
    if uploads := st.session_state.get(key):
        take_uploads(uploads)


def show_uploader(label: str, help: str) -> None:
    """Let the reader open films, which come to the end of this session's."""
    key = uploader_key()
    uploads = st.file_uploader(
        label, accept_multiple_files=True, key=key, on_change=take_late_uploads, args=(key,), help=help
    )
    if uploads:  # the callback was broken off
        take_uploads(uploads)
        st.rerun()


def take_uploads(uploads: list[UploadedFile]) -> None:
    """Move uploaded files into the session's films, and out of Streamlit's own store; the first goes on the stage.

    Streamlit may break a run of the page off wherever it draws and at each look into `st.session_state`, when something
    newer has come from the browser. So files are taken in one go before the uploader is emptied; if the run ends in
    between, the next one finds them in it again, and they are taken once all the same.
    """
    session_films().take(uploads)
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1
    for upload in uploads:
        _forget_upload(upload)


def unread() -> list[OpenFilm]:
    """Return the films that came since the last run of the page."""
    return [each for each in session_films().values() if each.reading is None]


def read_in_turn(new: Sequence[OpenFilm]) -> None:
    """Read those of these films that are not read yet, showing progress."""
    left = [each for each in new if each.reading is None]
    if not left:
        return
    bar = st.progress(0.0)
    for count, each in enumerate(left):
        bar.progress(count / len(left), text=f"Reading film {count + 1} of {len(left)}")
        each.read()
    bar.empty()


def _forget_upload(upload: UploadedFile) -> None:
    """Take a file out of Streamlit's memory, where it would stay until the session ends."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, upload.file_id)
