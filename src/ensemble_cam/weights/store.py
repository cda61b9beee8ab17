"""Where weights lie: the released files, the folders they are looked for in, and whether a file is the right one.

A file is held to a hash, always:

    the configuration pins the hash   the file has it: the published weights
                                      it has another, and a sidecar beside the file names that one: *not* the
                                      published weights, which every output then says
                                      it has another and no sidecar says so: refused
    no pin is known                   the first use writes the sidecar; every later use is held to it. Whether these
                                      are the published weights is not known, and nothing claims it

The sidecar of `w.pt` is `w.pt.sha256`, a line as `sha256sum` writes it. Whoever can write beside the weights can write
a sidecar too: it guards against mix-ups and damage, and it is `unpickling` that guards against hostile files.

The teaching networks' files come with the package and lie in its folder `teaching`, and nowhere else. They are held to
the configuration's pins too; sidecars count for nothing there, and none is written.

Fetching is in `download`, reading the tensors in `unpickling` and `teaching_weights`; nothing here imports torch.
"""

import hashlib
import os
import re
import shlex
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ensemble_cam.errors import DownloadError, WeightsError, WeightsMissing
from ensemble_cam.settings.config import TEACHING_MODEL_TYPES, UNTRAINED, WEIGHTS_NAMES, ClassifierConfig, Config
from ensemble_cam.weights.download import Progress, fetch_file, join
from ensemble_cam.weights.unpickling import is_torch_file
from ensemble_cam.weights.unpickling import load_state_dict as load_state_dict

ENVIRONMENT_VARIABLE = "ENSEMBLE_CAM_WEIGHTS"
"""Names a folder that is searched before torchxrayvision's own."""

_RELEASE = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"

# File name and published size in bytes. Upstream keeps the same in torchxrayvision.models.model_urls, whose import
# takes seconds; a test compares the two.
_RELEASED: dict[str, tuple[str, int]] = {
    "densenet121-res224-all": (
        "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
        28_382_008,
    ),
    "densenet121-res224-nih": ("nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt", 28_400_000),
    "densenet121-res224-pc": ("pc-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt", 28_400_000),
    "densenet121-res224-chex": ("chex-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt", 28_400_000),
    "densenet121-res224-rsna": ("kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt", 28_400_000),
    "densenet121-res224-mimic_nb": ("mimic_nb-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt", 28_400_000),
    "densenet121-res224-mimic_ch": ("mimic_ch-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt", 28_400_000),
    "resnet50-res512-all": ("pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt", 94_000_000),
    "jfhealthcare-densenet121": ("baseline_models_jfhealthcare-DenseNet121_pre_train.pth", 51_000_000),
}
_EXACT_SIZE = frozenset({"densenet121-res224-all"})

_PACKAGED = tuple(name for model_type in TEACHING_MODEL_TYPES for name in WEIGHTS_NAMES[model_type])
_PACKAGED_FOLDER = Path(str(files("ensemble_cam"))) / "teaching"


@dataclass(frozen=True)
class WeightsFile:
    """A released weights file.

    Attributes:
        name: the weights name of the configuration.
        file_name: under which it is released and stored.
        url: where it is released; None for one that comes with the package.
        size: in bytes; for people to see, never a check.
        approximate: whether `size` is rounded.
    """

    name: str
    file_name: str
    url: str | None
    size: int | None
    approximate: bool = True

    @property
    def packaged(self) -> bool:
        """Whether it comes with the package, so that there is nothing to fetch."""
        return self.url is None


@dataclass(frozen=True)
class LocatedWeights:
    """A weights file on this machine that is held to a hash.

    Attributes:
        name: the weights name of the configuration.
        path: the file.
        sha256: its hash, 64 lower-case hex digits; `load_state_dict` wants it back.
        published: True, the hash is the configured pin; False, it is another one that a sidecar names; None, the
            configuration has no pin, so that nobody knows.
    """

    name: str
    path: Path
    sha256: str
    published: bool | None


@dataclass(frozen=True)
class WeightsStatus:
    """What `weights list` and `weights verify` say about one file.

    Attributes:
        name: the weights name of the configuration.
        file_name: under which it is released and stored.
        path: where it lies, None if it is missing.
        size: in bytes, of the file that lies there.
        sha256: its hash, None if it was not taken.
        state: `"ok"`, `"missing"`, `"wrong hash"`, `"unpinned"` or `"not published"`.
        detail: a sentence for people; says so where the hash was not taken.
        packaged: whether it comes with the package.
    """

    name: str
    file_name: str
    path: Path | None
    size: int | None
    sha256: str | None
    state: str
    detail: str
    packaged: bool = False


def weights_file(name: str) -> WeightsFile:
    """Return the released file that a weights name stands for.

    Raises:
        WeightsError: if no file is released under this name.
    """
    if name in _PACKAGED:
        return WeightsFile(name, f"{name}.safetensors", None, None)
    if name not in _RELEASED:
        known = ", ".join((*_RELEASED, *_PACKAGED))
        raise WeightsError(f'weights "{name}": no file is released under this name; known: {known}.')
    file_name, size = _RELEASED[name]
    return WeightsFile(name, file_name, f"{_RELEASE}{file_name}", size, approximate=name not in _EXACT_SIZE)


def search_folders(weights_dir: Path | None) -> tuple[Path, ...]:
    """Return the folders that weights are looked for in, first to last; new files go to the first.

    They are `weights_dir` if it is given, `$ENSEMBLE_CAM_WEIGHTS` if it is set, and torchxrayvision's own folder.
    """
    given = (weights_dir, os.environ.get(ENVIRONMENT_VARIABLE), "~/.torchxrayvision/models_data")
    return tuple(dict.fromkeys(Path(os.path.expanduser(folder)) for folder in given if folder))


def locate(config: ClassifierConfig, name: str, *, weights_dir: Path | None) -> LocatedWeights:
    """Find a weights file and hold it to its hash, as this module's docstring tells.

    The first folder that has the file counts, right or wrong. Hashing takes a tenth of a second or two for 100 MB and
    is done once a process for an unchanged file.

    Raises:
        WeightsMissing: if no folder has it.
        WeightsError: if the name is unknown, the file cannot be read, its hash is wrong, or it should have come with
            the package and did not.
    """
    file = _file_of(config, name)
    path = _find(file, search_folders(weights_dir))
    if path is None:
        missing = WeightsError if file.packaged else WeightsMissing  # there is no fetching what should be here already
        raise missing(_how_to_get(file, weights_dir))
    sha256 = _sha256(path)
    state, detail = _judge(file, path, sha256, pin=config.sha256.get(name))
    if state == "wrong hash":
        raise WeightsError(detail)
    if state == "unpinned" and not file.packaged:
        _pin_on_first_use(path, sha256)
    return LocatedWeights(name, path, sha256, published={"ok": True, "not published": False}.get(state))


def fetch(
    config: ClassifierConfig,
    name: str,
    *,
    weights_dir: Path | None,
    source: str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> LocatedWeights:
    """Fetch a weights file, unless it is here already or comes with the package, and hold it to its hash.

    Into `weights_dir` if it is given, else into the first of the search folders. A fetched file must have the pinned
    hash or, without a pin, the one that a sidecar from an earlier use names; no sidecar excuses it from a pin.

    Args:
        config: whose pins count.
        name: the weights name.
        weights_dir: see above.
        source: a mirror's address or a folder, with files under their released names; None for the release itself.
        progress: called with the bytes that are there and the bytes there will be, None if that is not known.
        cancelled: asked often; true stops and keeps what has come for the next time.

    Raises:
        DownloadError: if the file did not come, or another one came; see `download.fetch_file`.
        WeightsError: if a file that is here already, or its sidecar, is wrong.
        Cancelled: if `cancelled` returned true.
    """
    file = _file_of(config, name)
    if file.packaged:
        return locate(config, name, weights_dir=weights_dir)
    folders = search_folders(weights_dir)
    if weights_dir is not None:
        folders = folders[:1]
    if _find(file, folders) is None:
        target = folders[0] / file.file_name
        expected = config.sha256.get(name) or _sidecar_hash(target)
        fetch_file(
            file.url if source is None else join(str(source), file.file_name),
            target,
            check=lambda part: _check_fetched(part, file, expected),
            progress=progress,
            cancelled=cancelled,
        )
    return locate(config, name, weights_dir=weights_dir)


def status(config: Config, *, weights_dir: Path | None, verify: bool) -> list[WeightsStatus]:
    """Return the state of every weights file that the configuration names, in its order, each once.

    Writes nothing. With `verify` every file is hashed; without, only its presence and its sidecar are looked at.
    """
    pins = {
        (name, classifier.sha256.get(name)): None
        for classifier in config.classifiers
        for name in classifier.weights
        if name != UNTRAINED
    }
    return [_status(weights_file(name), pin, weights_dir=weights_dir, verify=verify) for name, pin in pins]


def _status(file: WeightsFile, pin: str | None, *, weights_dir: Path | None, verify: bool) -> WeightsStatus:
    path = _find(file, search_folders(weights_dir))
    if path is None:
        detail = _how_to_get(file, weights_dir)
        return WeightsStatus(file.name, file.file_name, None, None, None, "missing", detail, file.packaged)
    size, sha256 = None, None
    try:
        size = path.stat().st_size
        sha256 = _sha256(path) if verify else None
        # Without a hash taken, a file is what its sidecar says, or else what it should be.
        supposed = sha256 or (None if file.packaged else _sidecar_hash(path)) or pin
        state, detail = _judge(file, path, supposed, pin=pin)
    except (OSError, WeightsError) as error:
        state, detail = "wrong hash", str(error)
    if not verify:
        detail += " The hash was not checked."
    return WeightsStatus(file.name, file.file_name, path, size, sha256, state, detail, file.packaged)


def _judge(file: WeightsFile, path: Path, sha256: str | None, *, pin: str | None) -> tuple[str, str]:
    """Return the state of a file with the hash `sha256`, and a sentence about it."""
    if pin is not None and sha256 == pin:
        return "ok", "The published weights."
    if file.packaged and pin is None:
        return "unpinned", "The configuration names no hash to hold it to."
    if file.packaged:
        return "wrong hash", (
            f"{path.name}: SHA-256 is {_short(sha256)}, expected {_short(pin)}. Install this program again, or, if "
            "these weights are meant, put their hash under sha256 in a configuration of your own."
        )
    noted = _sidecar_hash(path)
    sidecar = _sidecar(path).name
    if noted is None and pin is None:
        return "unpinned", f"No published hash is known; the first use notes this file's in {sidecar}."
    if noted is None or noted != sha256:
        expected = noted if pin is None else pin
        return "wrong hash", (
            f"{path.name}: SHA-256 is {_short(sha256)}, expected {_short(expected)}. Delete the file and fetch it "
            f"again, or, if these weights are meant, write the line that sha256sum prints for them to {sidecar}."
        )
    if pin is None:
        return "unpinned", f"No published hash is known; the file is held to the hash in {sidecar}."
    return "not published", f"Not the published weights; the file is held to the hash in {sidecar}."


def _file_of(config: ClassifierConfig, name: str) -> WeightsFile:
    if name == UNTRAINED or name not in (*config.weights, *WEIGHTS_NAMES.get(config.model_type, ())):
        raise WeightsError(f'{config.id}: no file holds the weights "{name}"; known: {", ".join(config.weights)}.')
    return weights_file(name)


def _find(file: WeightsFile, folders: tuple[Path, ...]) -> Path | None:
    folders = (_PACKAGED_FOLDER,) if file.packaged else folders
    return next((path for folder in folders if (path := folder / file.file_name).is_file()), None)


def _how_to_get(file: WeightsFile, weights_dir: Path | None) -> str:
    if file.packaged:
        return f"{file.name}: {file.file_name} should have come with this program and is not there. Install it again."
    size = f"{'about ' if file.approximate else ''}{round(file.size / 1e6)} MB, " if file.size else ""
    command = f"ensemble-cam weights fetch {file.name}"
    if weights_dir is not None:
        command += f" --weights-dir {shlex.quote(str(weights_dir))}"
    return (
        f"{file.name}: its file is not on this machine. Fetch it with `{command}`, or download {file.url} "
        f"({size}keep the name) into {search_folders(weights_dir)[0]}."
    )


def _check_fetched(part: Path, file: WeightsFile, expected: str | None) -> None:
    got = _sha256(part)
    if expected is not None and got != expected:
        raise DownloadError(
            f"{file.file_name}: what came has SHA-256 {_short(got)}, expected {_short(expected)}, and was deleted. "
            "Fetch it again, or from another address with --from."
        )
    with part.open("rb") as opened:
        if expected is None and not is_torch_file(opened.read(16)):
            raise DownloadError(
                f"{file.file_name}: what came is no PyTorch file, perhaps a login page, and was deleted. "
                "Fetch it again, or from another address with --from."
            )


def _short(sha256: str | None) -> str:
    return f"{sha256[:12]}…" if sha256 else "unknown"


_hashes: dict[tuple[Path, int, int, int], str] = {}
_hashes_lock = threading.Lock()


def _sha256(path: Path) -> str:
    """Return a file's hash; hashed once as long as its size, time of change and inode stay."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            key = (path, facts.st_size, facts.st_mtime_ns, facts.st_ino)
            with _hashes_lock:
                if key not in _hashes:
                    _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
                return _hashes[key]
    except OSError as error:
        raise WeightsError(f"{path.name}: the file cannot be read ({error.strerror}). Check its permissions.") from None


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sidecar_hash(path: Path) -> str | None:
    """Return the hash that the sidecar of `path` names for it, None if there is no sidecar."""
    sidecar = _sidecar(path)
    try:
        lines = sidecar.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{sidecar.name}: the file cannot be read ({error}). Write it anew or delete it.") from None
    for line in lines:
        found = re.fullmatch(r"([0-9a-fA-F]{64})(?: [ *](.+))?", line.strip())
        if found and (found[2] is None or Path(found[2]).name == path.name):
            return found[1].lower()
    raise WeightsError(
        f"{sidecar.name}: got no line `<64 hex digits>  {path.name}`, as sha256sum prints it. "
        "Write it anew or delete it."
    )


def _pin_on_first_use(path: Path, sha256: str) -> None:
    """Write the sidecar, if there is none; where the folder cannot be written, every use stays a first one."""
    sidecar = _sidecar(path)
    draft = sidecar.with_name(f"{sidecar.name}.{os.getpid()}-{threading.get_ident()}")
    if sidecar.exists():
        return
    with suppress(OSError):
        try:
            draft.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
            os.replace(draft, sidecar)
        finally:
            draft.unlink(missing_ok=True)
