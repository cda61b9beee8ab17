"""Weights are found in the right folder and held to a hash; what is fetched is held to the pin."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ensemble_cam.errors import DownloadError, UnusableWeights, WeightsError, WeightsMissing
from ensemble_cam.settings.config import ClassifierConfig, Config, ReviewDefaults, load_config
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.weights import store as weights
from ensemble_cam.weights.released import ENVIRONMENT_VARIABLE, search_folders, weights_file
from ensemble_cam.weights.store import Published, fetch, locate, pin, status

RESNET = "resnet50-res512-all"
RESNET_FILE = "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt"


def zipped(content: bytes) -> bytes:
    """Return what has the form of a file of torch's, as far as that is looked at without loading it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), content)
    return stream.getvalue()


def zipped_zeros(count: int) -> bytes:
    """Return a small file of that form that unpacks to `count` bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("archive/data/0", "w") as record:
        for _ in range(count // 10**6):
            record.write(bytes(10**6))
    return stream.getvalue()


TORCH_BYTES = zipped(bytes(range(256)) * 8)


def fits(config: ClassifierConfig, name: str, path: Path, sha256: str) -> None:
    """Take every file for one that fills its network."""
    assert (config.id, name, sha256) == ("resnet50", RESNET, hashlib.sha256(path.read_bytes()).hexdigest())


def misfits(config: ClassifierConfig, name: str, path: Path, sha256: str) -> None:
    raise UnusableWeights("it does not fit the network.", file_name=path.name)


def never(*_: object) -> None:
    pytest.fail("a file that a hash holds needs no other proof")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def resnet(pin: str | None = None) -> ClassifierConfig:
    pins = {} if pin is None else {RESNET: pin}
    return ClassifierConfig("resnet50", "ResNet50", "", "resnet", "clinical", 512, RESNET, (RESNET,), sha256=pins)


def place(folder: Path, data: bytes = TORCH_BYTES, *, sidecar: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RESNET_FILE
    path.write_bytes(data)
    if sidecar is not None:
        sidecar_of(path).write_text(sidecar)
    return path


def sidecar_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of the test's own, so that nobody's weights are found or touched."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    return home


# --- the table of released files


def test_table_of_released_files_equals_upstreams():
    from torchxrayvision.baseline_models import jfhealthcare
    from torchxrayvision.models import model_urls

    upstream = {name: entry["weights_url"] for name, entry in model_urls.items() if "-res" in name}
    ours = {file.name: file.url for family in FAMILIES.values() for file in family.files if not file.packaged}

    jf_url = ours.pop("jfhealthcare-densenet121")
    assert ours == upstream
    assert f'"{jf_url}"' in Path(jfhealthcare.__file__).read_text()  # upstream keeps it inside a constructor


def test_every_configurable_name_has_a_file_of_the_urls_name():
    names = [name for classifier in load_config().in_set("clinical") for name in classifier.weights]

    assert len(names) == 9
    for name in names:
        file = weights_file(name)
        assert (file.name, file.url.rpartition("/")[2]) == (name, file.file_name)
        assert 25_000_000 < file.size < 100_000_000
        assert file.approximate == (name != "densenet121-res224-all")


def test_unknown_and_untrained_names_stand_for_no_file():
    with pytest.raises(WeightsError, match=r'"resnet18": no file is released .*known: densenet121-res224-all'):
        weights_file("resnet18")
    for name in ("untrained", "densenet121-res224-all"):
        with pytest.raises(WeightsError, match=f'resnet50: no file holds the weights "{name}"; known: {RESNET}'):
            locate(resnet(), name, weights_dir=None)


# --- folders


def test_folders_are_searched_from_the_given_over_the_environments_to_torchxrayvisions(tmp_path, monkeypatch, home):
    own = home / ".torchxrayvision" / "models_data"
    given, named = tmp_path / "given", tmp_path / "named"
    assert search_folders(None) == (own,)

    monkeypatch.setenv("ENSEMBLE_CAM_WEIGHTS", str(named))
    assert search_folders(None) == (named, own)
    assert search_folders(given) == (given, named, own)
    assert search_folders(named) == (named, own)

    for folder in (own, named, given):  # each new one comes before the ones that are already there
        path = place(folder)
        assert locate(resnet(), RESNET, weights_dir=given).path == path


def test_wrong_file_in_the_first_folder_is_not_passed_over_for_a_right_one(tmp_path, home):
    place(home / ".torchxrayvision" / "models_data")
    place(tmp_path / "given", b"other")

    with pytest.raises(WeightsError, match="SHA-256"):
        locate(resnet(sha256(TORCH_BYTES)), RESNET, weights_dir=tmp_path / "given")


def test_missing_file_says_what_where_from_where_to_how_large_and_the_command(tmp_path):
    with pytest.raises(WeightsMissing) as missing:
        locate(resnet(), RESNET, weights_dir=tmp_path / "my weights")

    text = str(missing.value)
    assert weights_file(RESNET).url in text
    assert "about 94 MB" in text
    assert str(tmp_path / "my weights") in text
    assert f"`ensemble-cam weights fetch {RESNET} --weights-dir '{tmp_path / 'my weights'}'`" in text


# --- hash, pin and sidecar

GOOD = sha256(TORCH_BYTES)
OTHER = sha256(b"other")


@pytest.mark.parametrize("sidecar", [None, f"{OTHER}  {RESNET_FILE}\n"])
def test_file_with_the_pinned_hash_is_published_whatever_a_sidecar_says(tmp_path, sidecar):
    path = place(tmp_path, sidecar=sidecar)

    located = locate(resnet(GOOD), RESNET, weights_dir=tmp_path)

    assert (located.name, located.path, located.sha256, located.published) == (RESNET, path, GOOD, Published.YES)
    assert sidecar_of(path).exists() == (sidecar is not None)


@pytest.mark.parametrize(
    "sidecar",
    [
        f"{GOOD}  {RESNET_FILE}\n",
        f"{GOOD} *{RESNET_FILE}\r\n",
        f"{GOOD.upper()}  ./{RESNET_FILE}",
        f"{GOOD}\n",
        f"{OTHER}  another.pt\n{GOOD}  {RESNET_FILE}\n",
    ],
    ids=["text", "binary-crlf", "capitals-and-folder", "bare", "second-line"],
)
def test_file_with_another_hash_is_used_beside_a_sidecar_that_names_it_and_is_not_published(tmp_path, sidecar):
    place(tmp_path, sidecar=sidecar)

    located = locate(resnet(OTHER), RESNET, weights_dir=tmp_path)

    assert (located.sha256, located.published) == (GOOD, Published.NO)


@pytest.mark.parametrize("sidecar", [None, f"{'0' * 64}  {RESNET_FILE}\n"], ids=["no-sidecar", "sidecar-names-a-third"])
def test_file_with_another_hash_is_refused_with_both_hashes_and_both_remedies(tmp_path, sidecar):
    place(tmp_path, sidecar=sidecar)

    message = (
        f"^{RESNET_FILE}: SHA-256 is {GOOD[:12]}…, expected {OTHER[:12]}…. "
        rf"Delete the file and fetch it again, or, .* {RESNET_FILE}\.sha256\.$"
    )
    with pytest.raises(WeightsError, match=message):
        locate(resnet(OTHER), RESNET, weights_dir=tmp_path)


def test_file_without_a_pin_is_held_to_the_hash_that_it_had_when_it_was_first_of_use(tmp_path):
    path = place(tmp_path)

    located = locate(resnet(), RESNET, weights_dir=tmp_path)

    assert (located.sha256, located.published, located.held) == (GOOD, Published.UNKNOWN, False)
    assert not sidecar_of(path).exists(), "nothing holds it before it has filled its network"
    pin(located)
    assert sidecar_of(path).read_text() == f"{GOOD}  {RESNET_FILE}\n"
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--status", sidecar_of(path).name], cwd=tmp_path, check=True)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [path.name, sidecar_of(path).name]

    assert locate(resnet(), RESNET, weights_dir=tmp_path) == replace(located, held=True)
    path.write_bytes(TORCH_BYTES + b"!")
    with pytest.raises(WeightsError, match=f"expected {GOOD[:12]}…"):
        locate(resnet(), RESNET, weights_dir=tmp_path)


@pytest.mark.parametrize(("owner", "function"), [(Path, "write_text"), (weights.os, "replace")])
def test_file_without_a_pin_in_a_folder_that_cannot_be_written_is_used_all_the_same(
    tmp_path, monkeypatch, owner, function
):
    place(tmp_path)

    def refuse(*args, **kwargs):  # chmod would not stop root, as whom containers run their tests
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(owner, function, refuse)

    pin(locate(resnet(), RESNET, weights_dir=tmp_path))
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [RESNET_FILE]


@pytest.mark.parametrize("sidecar", ["", "not a hash\n", f"{GOOD}  another.pt\n", f"{GOOD[:-1]}  {RESNET_FILE}\n"])
@pytest.mark.parametrize("pin", [None, OTHER])
def test_sidecar_without_a_line_for_the_file_is_refused(tmp_path, sidecar, pin):
    place(tmp_path, sidecar=sidecar)

    with pytest.raises(WeightsError, match=rf"{RESNET_FILE}\.sha256: got no line"):
        locate(resnet(pin), RESNET, weights_dir=tmp_path)


def test_unchanged_file_is_hashed_once_and_a_changed_one_again(tmp_path, monkeypatch):
    path = place(tmp_path, sidecar=f"{GOOD}  {RESNET_FILE}\n")
    hashed = []
    real = hashlib.file_digest
    monkeypatch.setattr(weights.hashlib, "file_digest", lambda *args: hashed.append(1) or real(*args))

    for _ in range(3):
        locate(resnet(), RESNET, weights_dir=tmp_path)
    assert len(hashed) == 1
    path.write_bytes(bytes(len(TORCH_BYTES)))  # as long as before
    with pytest.raises(WeightsError, match="SHA-256"):
        locate(resnet(), RESNET, weights_dir=tmp_path)


# --- status


def config_of(*classifiers: ClassifierConfig) -> Config:
    return Config(ReviewDefaults(), classifiers)


STATES = [
    # pin, bytes, sidecar → state
    (GOOD, None, None, "missing"),
    (GOOD, TORCH_BYTES, None, "ok"),
    (OTHER, TORCH_BYTES, None, "wrong hash"),
    (OTHER, TORCH_BYTES, f"{GOOD}\n", "not published"),
    (OTHER, TORCH_BYTES, f"{'0' * 64}\n", "wrong hash"),
    (None, TORCH_BYTES, None, "unpinned"),
    (None, TORCH_BYTES, f"{GOOD}\n", "unpinned"),
    (None, TORCH_BYTES, f"{OTHER}\n", "wrong hash"),
    (None, TORCH_BYTES, "what?", "unusable"),
    (None, b"<!doctype html>" * 9, None, "unusable"),
    (None, TORCH_BYTES[:-1], None, "unusable"),
    (None, zipped_zeros(200_000_000), None, "unusable"),
]


@pytest.mark.parametrize(("pin", "data", "sidecar", "state"), STATES)
def test_status_tells_each_state_and_writes_nothing(tmp_path, pin, data, sidecar, state):
    if data is not None:
        place(tmp_path, data, sidecar=sidecar)
    before = sorted(tmp_path.rglob("*"))

    (told,) = status(config_of(resnet(pin)), weights_dir=tmp_path)

    assert told.state == state
    assert told.size == (None if data is None else len(data))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_what_has_the_weights_name_and_is_no_file_is_told_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / RESNET_FILE)

    (told,) = status(config_of(resnet()), weights_dir=tmp_path)

    assert told.state == "unusable"
    assert told.detail.startswith(f"{RESNET_FILE}: this is a pipe and no file. Move it away")
    for attempt in (locate, partial(fetch, fits=never)):
        with pytest.raises(WeightsError, match="this is a pipe and no file"):
            attempt(resnet(), RESNET, weights_dir=tmp_path)


def test_file_that_is_larger_than_the_weights_can_be_is_refused_unread(tmp_path, monkeypatch):
    with place(tmp_path, b"").open("wb") as file:
        file.truncate(2**40)  # of holes
    monkeypatch.setattr(weights.hashlib, "file_digest", never)
    with pytest.raises(WeightsError, match=r"has 1,099,511,627,776 bytes, and such weights have 117,500,000 at most\."):
        locate(resnet(), RESNET, weights_dir=tmp_path)


def test_status_lists_every_file_of_the_configuration_once_in_its_order():
    config = load_config()

    listed = status(config_of(*config.classifiers, *config.classifiers), weights_dir=None)

    assert [entry.name for entry in listed] == [name for c in config.classifiers for name in c.weights]
    assert {entry.state for entry in listed if not entry.packaged} == {"missing"}
    assert [entry.name for entry in listed if entry.packaged] == [
        name for classifier in config.in_set("teaching") for name in classifier.weights
    ]
    assert {entry.state for entry in listed if entry.packaged} == {"ok"}


def test_listing_weights_loads_no_heavy_package():
    script = (
        "import sys; from ensemble_cam.settings import config; from ensemble_cam.weights import store as weights;"
        "weights.status(config.load_config(), weights_dir=None);"
        "print(sorted({'torch', 'torchxrayvision', 'streamlit', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


# --- fetching; how bytes travel is in test_download.py


@pytest.fixture
def mirror(tmp_path) -> str:
    place(tmp_path / "mirror")
    return str(tmp_path / "mirror")


def test_pinned_file_is_fetched_into_the_first_folder(tmp_path, mirror, monkeypatch):
    named, given = tmp_path / "named", tmp_path / "given"
    monkeypatch.setenv("ENSEMBLE_CAM_WEIGHTS", str(named))

    located = fetch(resnet(GOOD), RESNET, fits=never, weights_dir=None, source=mirror)
    assert (located.path, located.published) == (named / RESNET_FILE, Published.YES)
    assert [p.name for p in named.iterdir()] == [RESNET_FILE]

    # a folder that is named outright gets the file even though another folder has it
    assert fetch(resnet(GOOD), RESNET, fits=never, weights_dir=given, source=mirror).path == given / RESNET_FILE


def test_file_that_is_here_is_not_fetched_again(tmp_path, home):
    path = place(home / ".torchxrayvision" / "models_data")

    assert (
        fetch(resnet(GOOD), RESNET, fits=never, weights_dir=None, source=str(tmp_path / "no such folder")).path == path
    )


def test_wrong_file_that_is_here_is_refused_and_not_overwritten(tmp_path, mirror):
    path = place(tmp_path / "given", b"mine")

    with pytest.raises(WeightsError, match="Delete the file"):
        fetch(resnet(GOOD), RESNET, fits=never, weights_dir=tmp_path / "given", source=mirror)

    assert path.read_bytes() == b"mine"


def test_fetched_file_with_another_hash_than_the_pin_is_refused_even_beside_a_sidecar(tmp_path, mirror):
    given = tmp_path / "given"
    given.mkdir()
    sidecar_of(given / RESNET_FILE).write_text(f"{GOOD}  {RESNET_FILE}\n")

    with pytest.raises(DownloadError, match=rf"what came has SHA-256 {GOOD[:12]}…, expected {OTHER[:12]}…"):
        fetch(resnet(OTHER), RESNET, fits=never, weights_dir=given, source=mirror)

    assert [p.name for p in given.iterdir()] == [RESNET_FILE + ".sha256"]


def test_fetched_file_without_a_pin_is_held_to_the_hash_of_its_first_use(tmp_path, mirror):
    given = tmp_path / "given"
    located = fetch(resnet(), RESNET, fits=fits, weights_dir=given, source=mirror)
    assert (located.sha256, located.published) == (GOOD, Published.UNKNOWN)
    assert sidecar_of(located.path).read_text() == f"{GOOD}  {RESNET_FILE}\n"

    located.path.unlink()
    place(Path(mirror), zipped(b"another release"))
    with pytest.raises(DownloadError, match=f"expected {GOOD[:12]}…"):
        fetch(resnet(), RESNET, fits=fits, weights_dir=given, source=mirror)


def test_fetched_login_page_is_not_taken_for_weights_without_a_pin(tmp_path, mirror):
    place(Path(mirror), b"<!doctype html><title>Hospital guest network</title>")

    with pytest.raises(DownloadError, match="no PyTorch file, perhaps a login page"):
        fetch(resnet(), RESNET, fits=fits, weights_dir=tmp_path / "given", source=mirror)

    assert list((tmp_path / "given").iterdir()) == []


def test_fetched_file_that_does_not_fit_its_network_is_neither_kept_nor_held(tmp_path, mirror):
    given = tmp_path / "given"
    with pytest.raises(
        DownloadError,
        match=rf"^{RESNET_FILE}: what came was deleted: it does not fit the network\. Fetch it again, or from another",
    ):
        fetch(resnet(), RESNET, fits=misfits, weights_dir=given, source=mirror)
    assert list(given.iterdir()) == []


def test_file_that_is_here_and_does_not_fit_its_network_is_left_alone_and_not_held(tmp_path, mirror):
    path = place(tmp_path / "given")
    with pytest.raises(UnusableWeights, match=rf"^{RESNET_FILE}: it does not fit the network\. Delete it and fetch it"):
        fetch(resnet(), RESNET, fits=misfits, weights_dir=path.parent, source=mirror)
    assert list(path.parent.iterdir()) == [path]


def test_file_that_is_here_is_held_once_it_was_found_to_fit(tmp_path, mirror):
    path = place(tmp_path / "given")
    fetch(resnet(), RESNET, fits=fits, weights_dir=path.parent, source=mirror)
    assert sidecar_of(path).read_text() == f"{GOOD}  {RESNET_FILE}\n"
    fetch(resnet(), RESNET, fits=never, weights_dir=path.parent, source=mirror)


def test_file_that_is_larger_than_the_weights_can_be_is_not_fetched(tmp_path, mirror):
    with place(Path(mirror), b"").open("wb") as file:
        file.truncate(117_500_001)
    with pytest.raises(DownloadError, match=r"this has 117,500,001 bytes or more, and the weights have 117,500,000 at"):
        fetch(resnet(), RESNET, fits=never, weights_dir=tmp_path / "given", source=mirror)
    assert list((tmp_path / "given").iterdir()) == []
