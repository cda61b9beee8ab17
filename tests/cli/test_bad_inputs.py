"""Everything that a reader may hand over by mistake, and the sentence that comes back; one table."""

import hashlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from ensemble_cam.archive.films import find_films
from ensemble_cam.classifiers.loading import check_fits, load_classifier
from ensemble_cam.errors import (
    ClassifierError,
    ConfigError,
    DownloadError,
    EnsembleCamError,
    RadiographError,
    WeightsError,
    WeightsMissing,
)
from ensemble_cam.export.folder import write_review
from ensemble_cam.film import decoding
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.film.sources import read_film_file
from ensemble_cam.machine.children import Children
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.settings import Settings
from ensemble_cam.weights.download import fetch_file
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.sidecar import read_sidecar
from ensemble_cam.weights.store import fetch, locate
from ensemble_cam.weights.unpickling import load_state_dict
from support import films, misbehaving
from support.bad_films import BAD_FILMS
from support.networks import Failing, bright_classifier
from support.reviews import made_review
from support.servers import CONTENT, Mirror, serving, without_proxies

BAD = {name: (data, message) for name, data, message in BAD_FILMS}
RESNET = "resnet50-res512-all"
RESNET_FILE = weights_file(RESNET).file_name
MOST = weights_file(RESNET).most_bytes
Attempt = Callable[[Path], object]


@pytest.fixture(autouse=True)
def home(own_home, monkeypatch) -> Path:
    """A home of the test's own, and no proxy before the server."""
    without_proxies(monkeypatch)
    return own_home


def film(name: str, *, file_name: str = "film.png") -> tuple[Attempt, type, str]:
    """One of bad_films.BAD_FILMS, read from a file as the command line reads it."""
    data, message = BAD[name]
    return lambda folder: read_radiograph(read_film_file(written(folder / file_name, data))), RadiographError, message


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def pipe(path: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no such files")
    os.mkfifo(path)
    return path


def linked(path: Path) -> Path:
    link = path.with_name("link")
    link.symlink_to(path)
    return link


def of_holes(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(2**40)
    return path


def config(text: str | bytes, message: str) -> tuple[Attempt, type, str]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda folder: load_config(written(folder / "mine.toml", data)), ConfigError, rf"^mine\.toml.*{message}"


def table(**changed: object) -> str:
    values = {
        "name": '"X"',
        "description": '""',
        "model_type": '"resnet"',
        "set": '"clinical"',
        "input_size": "512",
        "default_weight": f'"{RESNET}"',
        "weights": f'["{RESNET}"]',
    }
    lines = (f"{key} = {value}" for key, value in {**values, **changed}.items())
    return "[classifiers.x]\n" + "\n".join(lines)


def resnet():
    return load_config().classifier("resnet50")


def opened(data: bytes) -> Attempt:
    """Load weights as a network's, through the hash that guards them."""

    def attempt(folder: Path):
        path = written(folder / RESNET_FILE, data)
        return load_state_dict(path, expected_sha256=hashlib.sha256(data).hexdigest(), most=MOST)

    return attempt


class Code:
    """Pickles as a call that leaves a file behind."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def weights_with_code(folder: Path) -> None:
    trap, path = folder / "it-ran", folder / RESNET_FILE
    torch.save({"fc.weight": Code(str(trap))}, path)
    try:
        load_classifier(resnet(), weights_dir=folder)
    finally:
        assert not trap.exists()


def bare_pickle_with_code(folder: Path) -> None:
    trap = folder / "it-ran"
    try:
        opened(pickle.dumps(Code(str(trap))))(folder)
    finally:
        assert not trap.exists()


def wrong_hash(folder: Path) -> None:
    written(folder / RESNET_FILE, b"PK\x03\x04 other")
    (folder / f"{RESNET_FILE}.sha256").write_text(f"{'a' * 64}  {RESNET_FILE}\n")
    locate(resnet(), RESNET, weights_dir=folder)


def other_networks_weights(folder: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(3)}, folder / RESNET_FILE)
    load_classifier(resnet(), weights_dir=folder)


def too_large_weights(folder: Path) -> None:
    with (folder / RESNET_FILE).open("wb") as file:
        file.truncate(MOST + 1)
    locate(resnet(), RESNET, weights_dir=folder)


def pipe_for_weights(folder: Path) -> None:
    pipe(folder / RESNET_FILE)
    load_classifier(resnet(), weights_dir=folder)


def fetched_misfit(folder: Path) -> None:
    (folder / "mirror").mkdir()
    torch.save({"conv1.weight": torch.zeros(3)}, folder / "mirror" / RESNET_FILE)
    try:
        fetch(resnet(), RESNET, weights_dir=folder / "mine", fits=check_fits, source=str(folder / "mirror"))
    finally:
        assert list((folder / "mine").iterdir()) == []


def mirrors_pipe(folder: Path) -> None:
    pipe(folder / RESNET_FILE)
    fetch(resnet(), RESNET, weights_dir=folder / "mine", fits=check_fits, source=str(folder))


def zipped(records: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method, compresslevel=1) as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return stream.getvalue()


def download(*, most: int = len(CONTENT), **behaviour: object) -> Attempt:
    """Fetch a file from a server that behaves in some way; nothing that is called `w.pt` may be left."""

    def attempt(folder: Path) -> None:
        with serving(Mirror(**behaviour)) as mirror:
            try:
                fetch_file(mirror.url, folder / "w.pt", check=lambda part: None, most=most)
            finally:
                assert not (folder / "w.pt").exists()

    return attempt


def login_page(folder: Path) -> None:
    with serving(Mirror(content=b"<!doctype html><title>Guest network</title>")) as mirror:
        fetch(resnet(), RESNET, weights_dir=folder, fits=check_fits, source=mirror.url.rpartition("/")[0])


def review_below_a_file(folder: Path) -> None:
    write_review(made_review(), written(folder / "out", b"") / "below", "film")


def all_classifiers_fail(folder: Path) -> None:
    analyse(read_radiograph(films.png(films.film())), [bright_classifier(backbone=Failing(MemoryError()))], Settings())


def decoded_by(module: str, data: bytes, message: str) -> tuple[Attempt, type, str]:
    """A film that is decoded by another child than usual."""

    def attempt(folder: Path) -> None:
        children = Children(module, most=1, seconds=60, most_seconds=60)
        try:
            with mock.patch.object(decoding, "_children", children):
                read_radiograph(read_film_file(written(folder / "film.png", data)))
        finally:
            children.close()

    return attempt, RadiographError, message


def misbehaving_film(order: str, message: str) -> tuple[Attempt, type, str]:
    return decoded_by(misbehaving.__name__, misbehaving.film_that(order), message)


CASES: dict[str, tuple[Attempt, type[EnsembleCamError], str]] = {
    # films
    "empty": film("empty"),
    "text": film("text"),
    "text-named-dcm": film("text", file_name="film.dcm"),
    "pdf-named-png": film("pdf"),
    "truncated-png": film("truncated-png"),
    "truncated-jpeg": film("truncated-jpeg"),
    "truncated-tiff": film("truncated-tiff"),
    "truncated-dicom": film("truncated-dicom"),
    "truncated-jpeg-in-dicom": film("truncated-dicom-jpeg"),
    "header-of-60000-squared": film("png-60000"),
    "jpeg-of-60000-squared": film("jpeg-60000"),
    "dicom-of-60000-squared": film("too-large-dicom"),
    "one-pixel": film("1x1"),
    "ct": film("ct", file_name="film.dcm"),
    "several-frames": film("several-frames", file_name="film.dcm"),
    "multi-frame-class": film("several-frames-in-multi-frame-class", file_name="film.dcm"),
    "report": film("report", file_name="film.dcm"),
    "several-pages": film("several-page-tiff", file_name="film.tif"),
    "previews-alone": film("previews-alone-tiff", file_name="film.tif"),
    "animation": film("animated-png"),
    "printers-colours": film("cmyk", file_name="film.jpg"),
    "lab-colours": film("lab-tiff", file_name="film.tif"),
    "floating-point": film("float-tiff", file_name="film.tif"),
    "numbers-with-a-sign": film("signed-tiff", file_name="film.tif"),
    "complex-numbers": film("complex-tiff", file_name="film.tif"),
    "packed-10-bits": film("10-bit-tiff", file_name="film.tif"),
    "32-bits": film("32-bit-tiff", file_name="film.tif"),
    "colour-of-16-bits": film("colour-16-bit-tiff", file_name="film.tif"),
    "two-samples": film("two-sample-tiff", file_name="film.tif"),
    "mosaic": film("mosaic-tiff", file_name="film.tif"),
    "odd-kind-of-tiff": film("odd-kind-of-tiff", file_name="film.tif"),
    "lerc": film("lerc-tiff", file_name="film.tif"),
    "unknown-compression": film("unknown-compression-tiff", file_name="film.tif"),
    "lossless-jpeg-file": film("lossless-jpeg-file", file_name="film.jpg"),
    "hierarchical-jpeg": film("hierarchical-jpeg", file_name="film.jpg"),
    "jpeg-ls-file": film("jpeg-ls-file", file_name="film.jpg"),
    "12-bit-jpeg-file": film("12-bit-jpeg-file", file_name="film.jpg"),
    "many-scans": film("jpeg-of-many-scans", file_name="film.jpg"),
    "bmp-of-a-jpeg": film("bmp-of-a-jpeg", file_name="film.bmp"),
    "2-bit-bmp": film("2-bit-bmp", file_name="film.bmp"),
    "odd-kind-of-bmp": film("odd-kind-of-bmp", file_name="film.bmp"),
    "phone-png": film("phone-png"),
    "long-text": film("long-text-png"),
    "pixels-too-high": film("high-pixels", file_name="film.dcm"),
    "pixels-too-long": film("long-pixels", file_name="film.dcm"),
    "too-large-in-true-proportions": film("tall-png"),
    "nested-header": film("nested-sequences", file_name="film.dcm"),
    "crashes-its-decoder": misbehaving_film("crashes", "^The file is broken: it made its decoder crash. Export"),
    **(
        {"killed-decoder": misbehaving_film("killed", "^The film's decoder was ended from outside, .*Close other prog")}
        if os.name == "posix"
        else {}
    ),
    "takes-too-long": misbehaving_film("spins", "^Decoding the film took far longer than a film of its size.*Export"),
    "takes-too-much-memory": misbehaving_film("fills", "^Decoding the film took more memory than a film of.*Export"),
    "breaks-its-decoder": misbehaving_film("raises", "^The file is broken in a way that its decoder was not.*Export"),
    "no-decoder-starts": decoded_by(
        "support.no_such_module", films.png(films.film()), "^No film can be read on this machine: .*Run `python -m"
    ),
    "absent-film": (lambda folder: read_film_file(folder / "no.png"), RadiographError, "cannot be read .No such file"),
    "folder-instead-of-a-film": (
        read_film_file,
        RadiographError,
        "^This is a folder and no file. Name a file that holds",
    ),
    "pipe-instead-of-a-film": (
        lambda folder: read_film_file(pipe(folder / "a")),
        RadiographError,
        "^This is a pipe and no",
    ),
    "link-to-a-pipe": (
        lambda folder: read_film_file(linked(pipe(folder / "a"))),
        RadiographError,
        "^This is a pipe and no",
    ),
    "device-instead-of-a-film": (
        lambda folder: read_film_file(Path(os.devnull)),
        RadiographError,
        "is a device and no file",
    ),
    "film-without-an-end": (
        lambda folder: read_film_file(of_holes(folder / "film.png")),
        RadiographError,
        r"^The file has more than 512 MB, which no single film has\.$",
    ),
    "empty-folder": (lambda folder: find_films([folder / "home"]), ConfigError, "home: the folder holds no files"),
    # configurations
    "corrupt-toml": config("[review\ntop_k = 3", "not valid TOML.*line 1"),
    "not-utf-8": config(b"# \xff\xfe", "byte 2 is not UTF-8"),
    "no-classifier": config("", "got no classifier"),
    "unknown-key": config(table(ensemble_wieght="1"), r"\[classifiers\.x\].*ensemble_wieght.*Did you mean"),
    "unknown-weights": config(table(weights='["resnet18"]'), r"weights: got \"resnet18\"; allowed: one of resnet50"),
    "odd-input-size": config(table(input_size="100"), "input_size: got 100; allowed: a multiple of 32"),
    "absent-configuration": (
        lambda folder: load_config(folder / "no.toml"),
        ConfigError,
        r"^no\.toml: the file cannot be read",
    ),
    "pipe-for-a-configuration": (
        lambda folder: load_config(pipe(folder / "mine.toml")),
        ConfigError,
        r"^mine\.toml: this is a pipe and no file\. Check its path\.$",
    ),
    "configuration-without-an-end": (
        lambda folder: load_config(of_holes(folder / "mine.toml")),
        ConfigError,
        r"^mine\.toml: the file has more than 1 MB\. Check its path\.$",
    ),
    # weights
    "pipe-for-a-sidecar": (
        lambda folder: read_sidecar(pipe(folder / "w.pt.sha256").with_suffix("")),
        WeightsError,
        r"^w\.pt\.sha256: this is a pipe and no file\. Write it anew or delete it\.$",
    ),
    "sidecar-that-is-no-text": (
        lambda folder: read_sidecar(written(folder / "w.pt.sha256", b"\xff\xff").with_suffix("")),
        WeightsError,
        r"^w\.pt\.sha256: the file is no text\. Write it anew or delete it\.$",
    ),
    "missing-weights": (
        lambda folder: load_classifier(resnet(), weights_dir=folder),
        WeightsMissing,
        f"{RESNET}: its file is not on this machine.*weights fetch {RESNET}.*https://.*{RESNET_FILE}.*94 MB",
    ),
    "weights-of-another-name": (
        lambda folder: load_classifier(resnet(), weights="resnet18", weights_dir=folder),
        WeightsError,
        f'no file holds the weights "resnet18"; known: {RESNET}',
    ),
    "weights-with-code": (
        weights_with_code,
        WeightsError,
        r"\.pt: the file asks for io\.open, which could run code",
    ),
    "pickle-with-code": (bare_pickle_with_code, WeightsError, r"asks for io\.open, which could run code"),
    "text-for-weights": (opened(b"<!doctype html>" * 9), WeightsError, "is no PyTorch weights file. Delete it"),
    "empty-weights": (opened(b""), WeightsError, "is no PyTorch weights file. Delete it"),
    "wrong-hash": (wrong_hash, WeightsError, r"SHA-256 is [0-9a-f]{12}…, expected aaaaaaaaaaaa….*Delete the file"),
    "other-networks-weights": (other_networks_weights, WeightsError, "does not fit .*Fetch the file again"),
    "weights-that-take-gigabytes": (
        opened(zipped({"archive/data.pkl": b"", "archive/data/0": bytes(200_000_000)})),
        WeightsError,
        r"unpacks to 200\.0 MB, and 117\.5 MB are the most that it can need\. Delete it and fetch it again\.$",
    ),
    "weights-packed-in-another-way": (
        opened(zipped({"archive/data.pkl": b""}, zipfile.ZIP_LZMA)),
        WeightsError,
        "is packed in a way that torch does not read",
    ),
    "weights-that-end-early": (opened(zipped({"a": b"b"})[:-1]), WeightsError, r"damaged \(it does not end as a zip"),
    "too-large-weights": (too_large_weights, WeightsError, "has 117,500,001 bytes, and such weights have 117,500,000"),
    "pipe-for-weights": (pipe_for_weights, WeightsError, r"^pc.+\.pt: this is a pipe and no file\. Move it away, or"),
    # downloads
    "too-large-download": (
        download(most=700_000),
        DownloadError,
        "has 1,048,576 bytes or more, and the weights have 700,000 at most. Nothing of it was kept",
    ),
    "fetched-weights-that-do-not-fit": (fetched_misfit, DownloadError, r"what came was deleted: it does not fit the"),
    "mirrors-pipe": (mirrors_pipe, DownloadError, r"this is a pipe and no file\. Check the folder that --from names"),
    "broken-off": (download(break_after=300_000), DownloadError, "broke off; 300,000 of 1,048,576 bytes.*Fetch again"),
    "refused": (download(status=403), DownloadError, "the server answered 403 Forbidden"),
    "not-found": (download(status=404), DownloadError, "the server answered 404 Not Found"),
    "sent-elsewhere": (download(redirect="file:///etc/hostname"), DownloadError, "302 Found.*not allowed"),
    "login-page": (login_page, DownloadError, "no PyTorch file, perhaps a login page"),
    # the rest of the way
    "unknown-finding": (
        lambda folder: made_review(labels=("Fracture",)),
        ConfigError,
        "labels: got 'Fracture', which no classifier here knows. Known: Lung Lesion, Mass",
    ),
    "every-classifier-fails": (all_classifiers_fail, ClassifierError, "No classifier could be run.*ran out of memory"),
    "output-below-a-file": (review_below_a_file, EnsembleCamError, "could not be written .*choose another folder"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_with_a_sentence(name, tmp_path):
    attempt, error, message = CASES[name]

    with pytest.raises(error, match=message) as refusal:
        attempt(tmp_path)

    text = str(refusal.value)
    assert text[-1] in ".?"
    assert "\n" not in text
    assert "Traceback" not in text


def test_table_has_at_least_twenty_bad_inputs():
    assert len(CASES) >= 20


@pytest.mark.parametrize("file_name", ["film.dcm", "film.txt", "film"])
def test_picture_under_a_wrong_name_is_read_by_its_content(file_name, tmp_path):
    pixels = films.film()

    radiograph = read_radiograph(read_film_file(written(tmp_path / file_name, films.png(pixels))))

    assert radiograph.format == "PNG"
    assert np.array_equal(radiograph.source, pixels)


def test_download_that_broke_off_goes_on_and_ends_whole(tmp_path):
    target = tmp_path / "w.pt"
    with serving(Mirror(break_after=300_000)) as mirror:
        with pytest.raises(DownloadError, match="go on from there"):
            fetch_file(mirror.url, target, check=lambda part: None, most=len(CONTENT))
        mirror.break_after = None
        fetch_file(mirror.url, target, check=lambda part: None, most=len(CONTENT))

    assert target.read_bytes() == CONTENT
    assert mirror.ranges == [None, "bytes=300000-"]
