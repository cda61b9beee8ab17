import logging
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from ensemble_cam.classifiers import compilation, loading, runtime
from ensemble_cam.classifiers.compilation import CACHE_VARIABLE
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.runtime import choose_runtime, runtimes
from ensemble_cam.classifiers.sources import find_source
from ensemble_cam.errors import ConfigError
from support.networks import relative_error, smooth_film
from support.running import lines_of


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of the test's own, not there yet."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def small(config):
    """A network that compiles in a moment."""
    return load_classifier(config.classifier("teaching-resnet"))


def in_openvino(config, id="teaching-resnet", **options):
    return load_classifier(config.classifier(id), runtime="openvino", **options)


@pytest.fixture
def film():
    return smooth_film(192, seed=6)


def with_another_network(data):
    head = compilation._HEAD
    end = head.size + head.unpack_from(data)[1]
    numbers = data[head.size : end]
    return head.pack(compilation._checksum(numbers, b"other"), len(numbers)) + numbers + b"other"


def files(cache):
    return sorted(cache.glob("*")) if cache.exists() else []


def test_a_second_start_reads_the_compiled_network_and_compiles_nothing(config, film, cache, monkeypatch):
    first = in_openvino(config).backbone(film)
    assert [path.suffix for path in files(cache)] == [".openvino"]
    monkeypatch.setattr(loading, "_drawn", lambda *_: pytest.fail("it was compiled again"))
    again = in_openvino(config).backbone(film)
    assert np.array_equal(first, again)


@pytest.mark.parametrize(("disk", "is_mapped"), [("ext4", True), ("nfs4", False), ("", False)])
def test_a_compiled_network_is_mapped_on_this_machines_disks_alone(disk, is_mapped, config, film, cache, monkeypatch):
    first = in_openvino(config).backbone(film)
    monkeypatch.setattr(compilation, "file_system", lambda folder: disk)
    again = in_openvino(config).backbone
    base = again._held
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(getattr(base, "obj", base), mmap.mmap) == is_mapped
    files(cache)[0].unlink()
    assert np.array_equal(first, again(film))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        # The third byte of how long the numbers of its head are.
        lambda data: data[:6] + bytes([data[6] ^ 1]) + data[7:],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: bytes(12),
        # Whole, and yet nothing that OpenVINO can read, as when it was made for another processor.
        lambda data: with_another_network(data),
    ],
    ids=["one bit", "a length", "half", "empty", "zeros", "another processor's"],
)
def test_a_cache_that_cannot_be_read_is_made_anew(damage, config, film, cache, monkeypatch):
    expected = in_openvino(config).backbone(film)
    (path,) = files(cache)
    path.write_bytes(damage(path.read_bytes()))

    got = in_openvino(config).backbone(film)

    assert np.array_equal(got, expected)
    assert files(cache) == [path]
    monkeypatch.setattr(loading, "_drawn", lambda *_: pytest.fail("it was not kept"))
    assert np.array_equal(in_openvino(config).backbone(film), expected)


def test_other_weights_another_size_and_another_version_are_other_files(config, cache, monkeypatch):
    in_openvino(config)
    # The second is the same network with other values.
    activations = [
        in_openvino(config, id).backbone(smooth_film(192)) for id in ("teaching-resnet", "teaching-shortcut")
    ]
    assert not np.array_equal(*activations)
    assert len(files(cache)) == 2
    table = replace(config.classifier("teaching-resnet"), input_size=256)
    assert load_classifier(table, runtime="openvino").backbone(smooth_film(256)).shape == (1, 64, 32, 32)
    assert len(files(cache)) == 3
    monkeypatch.setattr(compilation, "version", lambda name: "another")
    in_openvino(config)
    assert len(files(cache)) == 4


def test_weights_without_a_file_are_told_apart_by_their_values(config, cache, monkeypatch):
    in_openvino(config, weights="untrained")
    in_openvino(config, weights="untrained")
    assert len(files(cache)) == 1
    values = loading._values(find_source(config.classifier("teaching-resnet"), weights="untrained"))
    monkeypatch.setattr(loading, "_values", lambda _: {name: 2 * value for name, value in values.items()})
    in_openvino(config, weights="untrained")
    assert len(files(cache)) == 2


def test_the_cache_keeps_the_networks_used_last(config, cache, monkeypatch):
    monkeypatch.setattr(compilation, "_KEPT", 2)
    for age, side in enumerate((192, 224, 256)):
        load_classifier(replace(config.classifier("teaching-resnet"), input_size=side), runtime="openvino")
        for path in files(cache):  # each was used ten seconds before the next
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
        assert len(files(cache)) == min(age + 1, 2)


def test_what_is_not_kept_whole_leaves_nothing_behind(config, cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(compilation.os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            in_openvino(config)
    assert files(cache) == []
    young, old = cache / "0.openvino.0", cache / "0.openvino.1"  # of processes that write, and that were killed
    for path in (young, old):
        path.touch()
    os.utime(old, (0, 0))
    in_openvino(config)
    assert old not in files(cache)
    assert young in files(cache)


def test_a_folder_that_cannot_be_written_stops_nothing(config, small, film, cache, caplog):
    cache.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING, logger="ensemble_cam"):
        prepared = in_openvino(config)
    assert relative_error(prepared.backbone(film), small.backbone(film).numpy()) < 1e-5
    assert "could not be kept" in caplog.text
    assert cache.is_file()


def test_where_openvino_fails_pytorch_runs_it_and_the_review_says_so(config, small, film, monkeypatch, caplog):
    def refuse(*_, **__):
        raise RuntimeError("unsupported")

    other = in_openvino(config)
    monkeypatch.setattr(loading, "compiled", refuse)
    instead = in_openvino(config)
    assert np.array_equal(instead.backbone(film), small.backbone(film))
    assert "PyTorch runs it" in caplog.text
    assert runtimes([instead]) == "torch"
    assert runtimes([other]) == "openvino"
    assert runtimes([instead, other]) == "openvino, torch"


def test_threads_share_one_compiled_network_and_batches_are_run_film_by_film(config):
    prepared, films = in_openvino(config), [smooth_film(192, seed=seed) for seed in range(8)]
    expected = [prepared.backbone(film) for film in films]
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda film: prepared.backbone(film), films * 4))
    assert all(map(np.array_equal, got, expected * 4))
    assert np.array_equal(prepared.backbone(torch.cat(films)), np.concatenate(expected))


def test_networks_compute_in_no_more_threads_than_a_container_has_time_for(config, film, monkeypatch):
    def threads(prepared):
        return prepared.backbone._compiled.get_property("INFERENCE_NUM_THREADS")

    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    free, limited = dict[str, int](), dict[str, int]()
    monkeypatch.setattr(compilation, "cores", lambda: 8)
    monkeypatch.setattr(compilation, "_threads", free)
    expected = in_openvino(config).backbone(film)
    assert free == {}  # OpenVINO knows on which cores it may be placed

    monkeypatch.setattr(compilation, "cores", lambda: 1)
    monkeypatch.setattr(compilation, "_threads", limited)
    prepared = in_openvino(config)
    assert threads(prepared) == limited["INFERENCE_NUM_THREADS"] == 1
    assert np.array_equal(prepared.backbone(film), expected)


def test_openvino_is_imported_without_its_telemetry_and_leaves_nothing_in_the_home(own_home):
    code = (
        "import sys\n"
        "from ensemble_cam.classifiers.compilation import openvino\n"
        "openvino().Core()\n"
        "print(sorted(name for name, module in sys.modules.items() if 'telemetry' in name and module is not None))\n"
    )
    assert lines_of(code)[-1] == "[]"
    assert not list(own_home.iterdir())


def test_auto_takes_openvino_on_the_processor_where_it_is_installed(monkeypatch):
    assert choose_runtime("auto", "cpu") == "openvino"
    assert choose_runtime("auto", "cuda") == "torch"
    assert choose_runtime("torch", "cpu") == "torch"
    monkeypatch.setattr(runtime, "is_installed", lambda: False)
    assert choose_runtime("auto", "cpu") == "torch"
    with pytest.raises(ConfigError, match=r"OpenVINO is not installed\. Install this program again, or take 'torch'"):
        choose_runtime("openvino", "cpu")


def test_runtimes_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="runtime: got 'onnx', allowed are auto, torch, openvino"):
        choose_runtime("onnx", "cpu")
    with pytest.raises(ConfigError, match="OpenVINO runs on the processor, not on cuda"):
        choose_runtime("openvino", "cuda")


@pytest.mark.slow
def test_others_in_the_process_may_convert_networks_by_openvino():
    code = (
        "import sys, torch\n"
        "from ensemble_cam.classifiers.compilation import openvino\n"
        "ov = openvino()\n"
        "assert 'openvino.tools.ovc' not in sys.modules\n"
        "model = ov.convert_model(torch.nn.Linear(3, 2), example_input=torch.zeros(1, 3))\n"
        "assert ov.convert_model.__module__.startswith('openvino.tools.ovc')\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
        "print(list(ov.Core().compile_model(model, 'CPU')(torch.zeros(1, 3).numpy())[0].shape))\n"
    )
    assert lines_of(code)[-1] == "[1, 2]"
