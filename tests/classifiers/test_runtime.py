import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ensemble_cam.classifiers import compilation, runtime
from ensemble_cam.classifiers.compilation import CACHE_VARIABLE
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.runtime import choose_runtime, prepare, run_backbone, runtimes
from ensemble_cam.errors import ConfigError
from support.networks import relative_error, smooth_film

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of the test's own, not there yet."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def small(config):
    """A network that compiles in a moment."""
    return load_classifier(config.classifier("teaching-resnet"))


@pytest.fixture
def film():
    return smooth_film(192, seed=6)


def files(cache):
    return sorted(cache.glob("*")) if cache.exists() else []


def test_a_second_start_reads_the_compiled_network_and_compiles_nothing(small, film, cache, monkeypatch):
    first = run_backbone(prepare(small, "openvino"), film)
    assert [path.suffix for path in files(cache)] == [".openvino"]
    monkeypatch.setattr(compilation, "_converted", lambda *_: pytest.fail("it was compiled again"))
    again = run_backbone(prepare(small, "openvino"), film)
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        # Whole, and yet nothing that OpenVINO can read, as when it was made for another processor.
        lambda data: compilation.hashlib.sha256(b"other").digest() + b"other",
    ],
    ids=["one bit", "half", "empty", "another processor's"],
)
def test_a_cache_that_cannot_be_read_is_made_anew(damage, small, film, cache, monkeypatch):
    expected = run_backbone(prepare(small, "openvino"), film)
    (path,) = files(cache)
    path.write_bytes(damage(path.read_bytes()))

    got = run_backbone(prepare(small, "openvino"), film)

    assert torch.equal(got, expected)
    assert files(cache) == [path]
    monkeypatch.setattr(compilation, "_converted", lambda *_: pytest.fail("it was not kept"))
    assert torch.equal(run_backbone(prepare(small, "openvino"), film), expected)


def test_other_weights_another_size_and_another_version_are_other_files(config, small, cache, monkeypatch):
    prepare(small, "openvino")
    shortcut = load_classifier(config.classifier("teaching-shortcut"))  # the same network with other values
    activations = [run_backbone(prepare(each, "openvino"), smooth_film(192)) for each in (small, shortcut)]
    assert not torch.equal(*activations)
    assert len(files(cache)) == 2
    compilation.compiled_backbone(small.backbone, side=256, weights=small.weights.sha256)
    assert len(files(cache)) == 3
    monkeypatch.setattr(compilation, "version", lambda name: "another")
    prepare(small, "openvino")
    assert len(files(cache)) == 4


def test_weights_without_a_file_are_told_apart_by_their_values(config, cache):
    untrained = load_classifier(config.classifier("teaching-resnet"), weights="untrained")
    prepare(untrained, "openvino")
    with torch.no_grad():
        next(iter(untrained.backbone.parameters())).mul_(2)
    prepare(untrained, "openvino")
    assert len(files(cache)) == 2


def test_the_cache_keeps_the_networks_used_last(small, cache, monkeypatch):
    monkeypatch.setattr(compilation, "_KEPT", 2)
    for age, side in enumerate((192, 224, 256)):
        compilation.compiled_backbone(small.backbone, side=side, weights=None)
        for path in files(cache):  # each was used ten seconds before the next
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
        assert len(files(cache)) == min(age + 1, 2)


def test_a_folder_that_cannot_be_written_stops_nothing(small, film, cache, caplog):
    cache.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING, logger="ensemble_cam"):
        prepared = prepare(small, "openvino")
    assert relative_error(run_backbone(prepared, film).numpy(), run_backbone(small, film).numpy()) < 1e-5
    assert "could not be kept" in caplog.text
    assert cache.is_file()


def test_where_openvino_fails_pytorch_runs_it_and_the_review_says_so(small, film, monkeypatch, caplog):
    def refuse(*_, **__):
        raise RuntimeError("unsupported")

    other = prepare(small, "openvino")
    monkeypatch.setattr(runtime, "compiled_backbone", refuse)
    prepared = prepare(small, "openvino")
    assert prepared is small
    assert torch.equal(run_backbone(prepared, film), run_backbone(small, film))
    assert "PyTorch runs it" in caplog.text
    assert runtimes([prepared]) == "torch"
    assert runtimes([other]) == "openvino"
    assert runtimes([prepared, other]) == "openvino, torch"


def test_threads_share_one_compiled_network_and_batches_are_run_film_by_film(small):
    prepared, films = prepare(small, "openvino"), [smooth_film(192, seed=seed) for seed in range(8)]
    expected = [run_backbone(prepared, film) for film in films]
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda film: run_backbone(prepared, film), films * 4))
    assert all(map(torch.equal, got, expected * 4))
    assert torch.equal(run_backbone(prepared, torch.cat(films)), torch.cat(expected))


def test_openvino_is_imported_without_its_telemetry_and_leaves_nothing_in_the_home(own_home):
    code = (
        "import sys\n"
        "from ensemble_cam.classifiers.compilation import openvino\n"
        "openvino().Core()\n"
        "print(sorted(name for name, module in sys.modules.items() if 'telemetry' in name and module is not None))\n"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "openvino_telemetry" not in output
    assert "telemetry_stub" in output
    assert not list(own_home.iterdir())


def test_auto_takes_openvino_on_the_processor_where_it_is_installed(monkeypatch):
    assert choose_runtime("auto", CPU) == "openvino"
    assert choose_runtime("auto", torch.device("cuda")) == "torch"
    assert choose_runtime("torch", CPU) == "torch"
    monkeypatch.setattr(runtime, "is_installed", lambda: False)
    assert choose_runtime("auto", CPU) == "torch"
    with pytest.raises(ConfigError, match=r"OpenVINO is not installed. Install it with `pip install .ensemble-cam\[op"):
        choose_runtime("openvino", CPU)


def test_runtimes_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="runtime: got 'onnx', allowed are auto, torch, openvino"):
        choose_runtime("onnx", CPU)
    with pytest.raises(ConfigError, match="OpenVINO runs on the processor, not on cuda"):
        choose_runtime("openvino", torch.device("cuda"))
