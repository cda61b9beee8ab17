"""Whether a weights file on this machine is the right one, and fetching it where there is none.

A file is held to a hash, always:

    the configuration pins the hash   the file has it: the published weights
                                      it has another, and a sidecar beside the file names that one: *not* the
                                      published weights, which every output then says
                                      it has another and no sidecar says so: refused
    no pin is known                   the first use writes the sidecar, once the file has filled its network; every
                                      later use is held to it. Whether these are the published weights is not known,
                                      and nothing claims it

The files that come with the package are held to the configuration's pins too; sidecars count for nothing there, and
none is written.

How bytes travel is in `download`, reading the tensors in `unpickling` and `classifiers.teaching_weights`.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ensemble_cam.errors import DownloadError, UnusableWeights, WeightsError, WeightsMissing
from ensemble_cam.machine.files import open_file, why_unreadable
from ensemble_cam.settings.config import ClassifierConfig, Config
from ensemble_cam.settings.families import WeightsFile
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.weights.released import find, how_to_get, search_folders, weights_file
from ensemble_cam.weights.sidecar import read_sidecar, sidecar_of, write_sidecar
from ensemble_cam.weights.unpickling import check_container, is_torch_file

if TYPE_CHECKING:
    from ensemble_cam.weights.download import Progress

State = Literal["ok", "missing", "wrong hash", "unusable", "unpinned", "not published"]

Fits = Callable[[ClassifierConfig, str, Path, str], None]
"""Called with a classifier, a weights name, a file and its SHA-256: raises `WeightsError` if the file does not fill the
classifier's network, see `classifiers.loading.check_fits`. Networks are of a higher floor."""


class Published(Enum):
    """Whether weights are the published ones; the values are what `review.json` says."""

    YES = True
    """Their hash is the one that the configuration pins."""

    NO = False
    """Their hash is another one, which a sidecar names; or they are no file's, but seeded values."""

    UNKNOWN = None
    """The configuration has no pin to compare with."""


_PUBLISHED: Mapping[State, Published] = {"ok": Published.YES, "not published": Published.NO}


@dataclass(frozen=True)
class LocatedWeights:
    """A weights file on this machine that is held to a hash.

    Attributes:
        name: the weights name of the configuration.
        path: the file.
        sha256: its hash, 64 lower-case hex digits; `unpickling.load_state_dict` wants it back.
        published: whether that is the published weights' hash.
        held: whether a pin or a sidecar names that hash; where neither does, `pin` has to follow.
    """

    name: str
    path: Path
    sha256: str
    published: Published
    held: bool = True


@dataclass(frozen=True)
class WeightsStatus:
    """What `weights list` and `weights verify` say about one file.

    Attributes:
        name: the weights name of the configuration.
        file_name: under which it is released and stored.
        path: where it lies, None if it is missing.
        size: in bytes, of the file that lies there.
        sha256: its hash, None if there is none to take.
        state: in a word or two.
        detail: a sentence for people.
        packaged: whether it comes with the package.
    """

    name: str
    file_name: str
    path: Path | None
    size: int | None
    sha256: str | None
    state: State
    detail: str
    packaged: bool = False


def locate(config: ClassifierConfig, name: str, *, weights_dir: Path | None) -> LocatedWeights:
    """Find a weights file and hold it to its hash, as this module's docstring tells.

    The first folder that has the file counts, right or wrong. Hashing takes a tenth of a second or two for 100 MB and
    is done once a process for an unchanged file. Nothing is written: a file that nothing holds yet is held once it has
    filled its network, see `pin`.

    Raises:
        WeightsMissing: if no folder has it.
        WeightsError: if the name is unknown, the file cannot be read, its hash is wrong, or it should have come with
            the package and did not.
    """
    file = _file_of(config, name)
    path = find(file, search_folders(weights_dir))
    if path is None:
        # There is no fetching what should be here already, nor what is the site's own.
        missing = WeightsError if file.url is None else WeightsMissing
        raise missing(how_to_get(file, weights_dir))
    sha256 = _sha256(path, most=file.most_bytes)
    state, detail = _judge(file, path, sha256, pin=config.sha256.get(name))
    if state == "wrong hash":
        raise WeightsError(detail)
    held = state != "unpinned" or file.url is None or read_sidecar(path) is not None
    published = Published.NO if file.path is not None else _PUBLISHED.get(state, Published.UNKNOWN)
    return LocatedWeights(name, path, sha256, published, held)


def pin(located: LocatedWeights) -> None:
    """Write the sidecar of a file that nothing holds yet, and that has filled its network; of others nothing."""
    if not located.held:
        write_sidecar(located.path, located.sha256)


def fetch(
    config: ClassifierConfig,
    name: str,
    *,
    weights_dir: Path | None,
    fits: Fits,
    source: str | None = None,
    progress: "Progress | None" = None,
    cancelled: Callable[[], bool] | None = None,
) -> LocatedWeights:
    """Fetch a weights file, unless it is here already or comes with the package, and hold it to its hash.

    Into `weights_dir` if it is given, else into the first of the search folders. A fetched file must have the pinned
    hash or, without a pin, the one that a sidecar from an earlier use names; no sidecar excuses it from a pin. One that
    neither holds must fill its network, and is held to its own hash from then on; else it is not kept.

    Args:
        config: whose pins count.
        name: the weights name.
        weights_dir: see above.
        fits: see `Fits`; asked of files alone that nothing holds.
        source: a mirror's address or a folder, with files under their released names; None for the release itself.
        progress: called with the bytes that are there and the bytes there will be, None if that is not known.
        cancelled: asked often; true stops and keeps what has come for the next time.

    Raises:
        DownloadError: if the file did not come, or what came cannot be used; see `download.fetch_file`.
        WeightsError: if a file that is here already, or its sidecar, is wrong.
        Cancelled: if `cancelled` returned true.
    """
    file = _file_of(config, name)
    if file.url is None:
        return locate(config, name, weights_dir=weights_dir)
    folders = search_folders(weights_dir)
    if weights_dir is not None:
        folders = folders[:1]
    is_here = find(file, folders) is not None
    if not is_here:
        target = folders[0] / file.file_name
        expected = config.sha256.get(name) or read_sidecar(target)
        from ensemble_cam.weights.download import fetch_file, join  # here, as a review waits for no HTTP

        fetch_file(
            file.url if source is None else join(str(source), file.file_name),
            target,
            check=lambda part: _check_fetched(part, file, expected, partial(fits, config, name)),
            most=file.most_bytes,
            progress=progress,
            cancelled=cancelled,
        )
    located = locate(config, name, weights_dir=weights_dir)
    if is_here and not located.held:
        fits(config, name, located.path, located.sha256)
    pin(located)
    return located


def status(config: Config, *, weights_dir: Path | None) -> list[WeightsStatus]:
    """Return the state of every weights file that the configuration names, in its order, each once.

    Every file is hashed; one that nothing holds yet is looked at, too, as far as that takes no network. Writes nothing.
    """
    pins = {
        (_file_of(classifier, name), classifier.sha256.get(name)): None
        for classifier in config.classifiers
        for name in classifier.weights
        if name != UNTRAINED
    }
    return [_status(file, pin, weights_dir=weights_dir) for file, pin in pins]


def _status(file: WeightsFile, pin: str | None, *, weights_dir: Path | None) -> WeightsStatus:
    path = find(file, search_folders(weights_dir))
    if path is None:
        detail = how_to_get(file, weights_dir)
        return WeightsStatus(file.name, file.file_name, None, None, None, "missing", detail, file.packaged)
    state: State
    size, sha256 = None, None
    try:
        size = path.stat().st_size
        sha256 = _sha256(path, most=file.most_bytes)
        state, detail = _judge(file, path, sha256, pin=pin)
        if state == "unpinned" and file.url is not None:
            with open_file(path) as opened:
                check_container(opened, most=file.most_bytes)
    except UnusableWeights as error:
        state, detail = "unusable", f"{path.name}: {error}"
    except (OSError, WeightsError) as error:
        state, detail = "unusable", str(error)
    return WeightsStatus(file.name, file.file_name, path, size, sha256, state, detail, file.packaged)


def _judge(file: WeightsFile, path: Path, sha256: str | None, *, pin: str | None) -> tuple[State, str]:
    """Return the state of a file with the hash `sha256`, and a sentence about it."""
    if file.path is not None:
        return _judge_own(path, sha256, pin)
    if pin is not None and sha256 == pin:
        return "ok", "The published weights."
    if file.packaged and pin is None:
        return "unpinned", "The configuration names no hash to hold it to."
    if file.packaged:
        return "wrong hash", (
            f"{path.name}: SHA-256 is {_short(sha256)}, expected {_short(pin)}. Install this program again, or, if "
            "these weights are meant, put their hash under sha256 in a configuration of your own."
        )
    noted = read_sidecar(path)
    sidecar = sidecar_of(path).name
    if noted is None and pin is None:
        return "unpinned", f"No published hash is known; once it has filled its network, {sidecar} holds it to its own."
    if noted is None or noted != sha256:
        expected = noted if pin is None else pin
        return "wrong hash", (
            f"{path.name}: SHA-256 is {_short(sha256)}, expected {_short(expected)}. Delete the file and fetch it "
            f"again, or, if these weights are meant, write the line that sha256sum prints for them to {sidecar}."
        )
    if pin is None:
        return "unpinned", f"No published hash is known; the file is held to the hash in {sidecar}."
    return "not published", f"Not the published weights; the file is held to the hash in {sidecar}."


def _judge_own(path: Path, sha256: str | None, pin: str | None) -> tuple[State, str]:
    """Return the state of a file of the site's own, which changes with each training and is held to a pin alone."""
    if pin is None:
        return "unpinned", "The site's own weights; the configuration names no hash to hold them to."
    if sha256 == pin:
        return "ok", "The site's own weights, as the configuration names them."
    return "wrong hash", (
        f"{path.name}: SHA-256 is {_short(sha256)}, expected {_short(pin)}. Put back the file that was meant, or put "
        "this one's hash under sha256 in the configuration."
    )


def _file_of(config: ClassifierConfig, name: str) -> WeightsFile:
    if config.own is not None and name in config.weights:
        return config.family.files[0]
    if name == UNTRAINED or name not in (*config.weights, *config.family.weights):
        raise WeightsError(f'{config.id}: no file holds the weights "{name}"; known: {", ".join(config.weights)}.')
    return weights_file(name)


def _check_fetched(part: Path, file: WeightsFile, expected: str | None, fits: Callable[[Path, str], None]) -> None:
    got = _sha256(part, most=file.most_bytes)
    if expected is not None and got != expected:
        raise DownloadError(
            f"{file.file_name}: what came has SHA-256 {_short(got)}, expected {_short(expected)}, and was deleted. "
            "Fetch it again, or from another address with --from."
        )
    if expected is not None:
        return
    with part.open("rb") as opened:
        if not is_torch_file(opened.read(16)):
            raise DownloadError(
                f"{file.file_name}: what came is no PyTorch file, perhaps a login page, and was deleted. "
                "Fetch it again, or from another address with --from."
            )
    try:
        fits(part, got)
    except UnusableWeights as error:
        raise DownloadError(
            f"{file.file_name}: what came was deleted: {error.fact} "
            "Fetch it again, or from another address with --from."
        ) from None


def _short(sha256: str | None) -> str:
    return f"{sha256[:12]}…" if sha256 else "unknown"


_hashes: dict[tuple[Path, int, int, int], str] = {}
_hashes_lock = threading.Lock()


def _sha256(path: Path, *, most: int) -> str:
    """Return a file's hash; hashed once as long as its size, time of change and inode stay.

    Raises:
        WeightsError: if it is no file, has more than `most` bytes or cannot be read.
    """
    try:
        with open_file(path) as file:
            facts = os.fstat(file.fileno())
            if facts.st_size > most:
                raise WeightsError(
                    f"{path.name}: the file has {facts.st_size:,} bytes, and such weights have {most:,} at most. "
                    "Delete it and fetch it again."
                )
            key = (path, facts.st_size, facts.st_mtime_ns, facts.st_ino)
            with _hashes_lock:
                if key not in _hashes:
                    _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
                return _hashes[key]
    except OSError as error:
        raise WeightsError(f"{path.name}: {why_unreadable(error)}. Move it away, or check its permissions.") from None
