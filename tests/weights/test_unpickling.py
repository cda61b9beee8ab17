"""Tensors come out of torch's files unchanged, and nothing in a file runs."""

import hashlib
import io
import os
import pickle
import tarfile
import threading
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torchxrayvision as xrv
from torch.nn.backends import thnn

from ensemble_cam.errors import WeightsError
from ensemble_cam.weights import unpickling
from ensemble_cam.weights.unpickling import load_state_dict

MOST = 64 * 2**20
FORMATS = pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "stream-before-1.6"])


def saved(value: object, *, as_zip: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=as_zip)
    return buffer.getvalue()


def load(folder: Path, data: bytes) -> dict[str, torch.Tensor]:
    path = folder / "w.pt"
    path.write_bytes(data)
    return load_state_dict(path, expected_sha256=hashlib.sha256(data).hexdigest(), most=MOST)


def assert_same(got: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(got) == list(expected)
    for name, tensor in expected.items():
        assert got[name].dtype == tensor.dtype
        assert torch.equal(got[name], tensor), name
        assert not got[name].requires_grad


@pytest.fixture(scope="module")
def densenet() -> torch.nn.Module:
    """A DenseNet of torchxrayvision's classes and the released ones' depth of nesting, with 60,000 parameters."""
    torch.manual_seed(0)
    network = xrv.models.DenseNet(num_init_features=8, growth_rate=4, block_config=(2, 2, 2, 2), num_classes=3)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.num_batches_tracked.fill_(7)
    return network.eval()


class OldBackend:
    """Pickles as the attribute that every module had before torch 1.4."""

    def __reduce__(self):
        return thnn._get_thnn_function_backend, ()


def old(network: torch.nn.Module) -> torch.nn.Module:
    """Take away what modules had not yet when torch 1.4 pickled the released networks."""
    network = pickle.loads(pickle.dumps(network))
    for module in network.modules():
        module._backend = OldBackend()
        for attribute in list(vars(module)):
            if attribute.endswith("hooks_with_kwargs") or attribute in (
                "_non_persistent_buffers_set",
                "_is_full_backward_hook",
                "_backward_pre_hooks",
                "_forward_hooks_always_called",
                "_load_state_dict_post_hooks",
                "_state_dict_pre_hooks",
            ):
                del vars(module)[attribute]
    return network


# --- what must load


@FORMATS
def test_whole_densenet_gives_the_tensors_of_its_own_state_dict(tmp_path, densenet, as_zip):
    assert_same(load(tmp_path, saved(densenet, as_zip=as_zip)), densenet.state_dict())


@FORMATS
def test_densenet_pickled_before_todays_attributes_existed_loads(tmp_path, densenet, as_zip):
    network = old(densenet)
    assert not any(hasattr(module, "_non_persistent_buffers_set") for module in network.modules())

    assert_same(load(tmp_path, saved(network, as_zip=as_zip)), densenet.state_dict())


def test_densenet_with_its_classes_source_code_is_what_torch_alone_refuses(tmp_path, densenet):
    """The released files are of this kind: were torch to take it, `_without_sources` could go."""
    data = saved(densenet, as_zip=False)
    assert b"class DenseNet(nn.Module)" in data

    with (
        torch.serialization.safe_globals(list(unpickling._INERT_CLASSES)),
        pytest.raises(pickle.UnpicklingError, match="Only persistent_load of storage is allowed"),
    ):
        torch.load(io.BytesIO(data), weights_only=True)


@FORMATS
def test_buffers_that_do_not_persist_and_empty_ones_are_left_out_as_torch_does(tmp_path, densenet, as_zip):
    network = pickle.loads(pickle.dumps(densenet))
    network.classifier.register_buffer("passing", torch.ones(2), persistent=False)
    network.classifier.register_buffer("lasting", torch.ones(2))
    network.classifier.register_buffer("empty", None)

    state = load(tmp_path, saved(network, as_zip=as_zip))

    assert_same(state, network.state_dict())
    assert "classifier.lasting" in state


@FORMATS
@pytest.mark.parametrize("prefix", ["", "module."])
def test_state_dict_loads_and_loses_the_prefix_of_data_parallel(tmp_path, as_zip, prefix):
    state = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).state_dict()
    named = OrderedDict((prefix + name, tensor) for name, tensor in state.items())

    assert_same(load(tmp_path, saved(named, as_zip=as_zip)), state)


def test_prefix_stays_where_only_some_names_have_it(tmp_path):
    state = {"module.weight": torch.ones(1), "weight": torch.zeros(1)}

    assert_same(load(tmp_path, saved(state)), state)


@FORMATS
def test_many_threads_load_at_once(tmp_path, densenet, as_zip):
    """torch's list of allowed names belongs to the process: one load's end must not take it from another's middle."""
    data = saved(densenet, as_zip=as_zip)
    path = tmp_path / "w.pt"
    path.write_bytes(data)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                assert_same(
                    load_state_dict(path, expected_sha256=hashlib.sha256(data).hexdigest(), most=MOST), expected
                )
        except BaseException as error:
            failures.append(error)

    expected = densenet.state_dict()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_callers_own_allowed_names_stay_as_they_were(tmp_path, densenet):
    with torch.serialization.safe_globals([torch.nn.Conv2d, xrv.models.DenseNet]):
        before = set(torch.serialization.get_safe_globals())
        assert_same(load(tmp_path, saved(densenet)), densenet.state_dict())
        assert set(torch.serialization.get_safe_globals()) == before


# --- what must not run


class Marker:
    """Pickles to a call that leaves a folder behind."""

    def __init__(self, path: Path, function=os.mkdir):
        self.path = path
        self.function = function

    def __reduce__(self):
        return self.function, (str(self.path),)


class ModuleMarker(torch.nn.Module):
    """A module that no DenseNet has."""


HOSTILE = {
    "bare pickle": lambda marker, network: pickle.dumps(marker),
    "bare pickle, protocol 2": lambda marker, network: pickle.dumps(marker, protocol=2),
    "zip": lambda marker, network: saved({"weight": torch.ones(1), "extra": marker}),
    "stream": lambda marker, network: saved({"weight": torch.ones(1), "extra": marker}, as_zip=False),
    "attribute of a DenseNet, zip": lambda marker, network: saved(with_attribute(network, marker)),
    "attribute of a DenseNet, stream": lambda marker, network: saved(with_attribute(network, marker), as_zip=False),
    "hook of a layer": lambda marker, network: saved(with_hook(network, marker)),
}


def with_attribute(network: torch.nn.Module, value: object) -> torch.nn.Module:
    network = pickle.loads(pickle.dumps(network))
    network.features.extra = value
    return network


def with_hook(network: torch.nn.Module, hook: object) -> torch.nn.Module:
    network = pickle.loads(pickle.dumps(network))
    network.classifier._state_dict_hooks[0] = hook
    return network


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_code_in_a_file_is_refused_by_name_and_does_not_run(tmp_path, densenet, make):
    marker = tmp_path / "it ran"
    data = make(Marker(marker), densenet)
    pickle.loads(pickle.dumps(Marker(marker)))  # the call does what this test looks for
    marker.rmdir()

    with pytest.raises(WeightsError, match=r"w\.pt: the file asks for (posix|nt)\.mkdir, which could run code"):
        load(tmp_path, data)

    assert not marker.exists()


@FORMATS
def test_builtin_function_and_unknown_module_class_are_refused_by_name(tmp_path, densenet, as_zip):
    with pytest.raises(WeightsError, match=r"asks for (builtins\.)?eval,"):
        load(tmp_path, saved({"w": Marker(tmp_path / "x", eval)}, as_zip=as_zip))
    with pytest.raises(WeightsError, match=r"asks for \S*test_unpickling\.ModuleMarker,"):
        load(tmp_path, saved(with_attribute(densenet, ModuleMarker()), as_zip=as_zip))


def test_file_cannot_reach_torchs_own_module_code(tmp_path, densenet, monkeypatch):
    """`torch.nn.Module.__setstate__` and `state_dict` with its hooks never see what a file wrote."""
    data = saved(densenet)

    def called(*args):
        raise AssertionError("torch.nn code ran on a file's content")

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Module, "__setstate__", called)
        patch.setattr(torch.nn.Module, "state_dict", called)
        state = load(tmp_path, data)

    assert_same(state, densenet.state_dict())


@pytest.mark.parametrize("make_record", [b"\x80\x02(X\x06\x00\x00\x00modulecposix\nmkdir\nNNtQ."])
def test_class_record_cannot_smuggle_a_function(tmp_path, make_record):
    """What `_without_sources` rewrites is judged afterwards."""
    head = saved({}, as_zip=False)
    stream = io.BytesIO(head)
    for _ in range(3):
        pickle.load(stream)

    with pytest.raises(WeightsError, match=r"asks for posix\.mkdir"):
        load(tmp_path, head[: stream.tell()] + make_record + pickle.dumps([], protocol=2))


# --- what is no weights file


def tar_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return buffer.getvalue()


def other_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return buffer.getvalue()


def torchscript() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), buffer)
    return buffer.getvalue()


def own_child() -> torch.nn.Module:
    network = xrv.models.DenseNet(num_init_features=4, growth_rate=2, block_config=(1,), num_classes=1)
    network._modules["classifier"] = network
    return network


def odd_module(**attributes: object) -> torch.nn.Module:
    network = xrv.models.DenseNet(num_init_features=4, growth_rate=2, block_config=(1,), num_classes=1)
    vars(network).update(attributes)
    return network


def deep_module() -> torch.nn.Module:
    chain = torch.nn.Sequential()
    for _ in range(40):
        chain = torch.nn.Sequential(chain)
    return odd_module(_modules={"a": chain})


STRANGE = {
    "empty": (lambda: b"", "no PyTorch weights file"),
    "text": (lambda: b"404: Not Found\n", "no PyTorch weights file"),
    "page": (lambda: b"<!doctype html>", "no PyTorch weights file"),
    "tar": (tar_archive, "no PyTorch weights file"),
    "pickled data": (lambda: pickle.dumps([1, 2]), "no PyTorch weights file"),
    "head of a pickle": (lambda: b"\x80\x02", "no PyTorch weights file"),
    "another zip": (other_zip, "damaged, or is no weights file"),
    "TorchScript": (torchscript, "damaged, or is no weights file"),
    "list": (lambda: saved([torch.ones(1)]), "holds a builtins.list, neither tensors"),
    "tensor": (lambda: saved(torch.ones(1)), "holds a torch.Tensor, neither tensors"),
    "nothing": (lambda: saved({}), "holds no tensors"),
    "layer": (lambda: saved(torch.nn.Linear(1, 1)), r"holds a torch\.nn\.modules\.linear\.Linear, neither"),
    "checkpoint": (lambda: saved({"epoch": 1, "state_dict": {}}), "entry 'epoch' is no dense tensor"),
    "numbered": (lambda: saved({0: torch.ones(1)}), "entry '0' is no dense tensor"),
    "sparse": (lambda: saved({"w": torch.eye(2).to_sparse()}), "entry 'w' is no dense tensor"),
    "meta": (lambda: saved({"w": torch.ones(1, device="meta")}), "entry 'w' is no dense tensor"),
    "array": (lambda: saved({"w": np.ones(1)}), r"asks for numpy\."),
    "own child": (lambda: saved(own_child()), "part 'classifier.' is no module"),
    "too deep": (lambda: saved(deep_module()), r"part 'a\.0\.0.*' is no module"),
    "no tables": (lambda: saved(odd_module(_buffers=1)), "part '' is no module"),
    "odd table": (lambda: saved(odd_module(_non_persistent_buffers_set=3)), "part '' is no module"),
    "number for a child": (lambda: saved(odd_module(_modules={"a": 1})), r"part 'a\.' is no module"),
    "number for a tensor": (lambda: saved(odd_module(_parameters={"a": 1})), "entry 'a' is no dense tensor"),
}


@pytest.mark.filterwarnings("ignore:.*(TorchScript|torch.jit|sparse)")
@pytest.mark.parametrize(("make", "message"), STRANGE.values(), ids=STRANGE)
def test_anything_else_is_refused_with_what_it_is(tmp_path, make, message):
    with pytest.raises(WeightsError, match=rf"^w\.pt: .*{message}"):
        load(tmp_path, make())


class Memory:
    """Pickles as a call that takes two gigabytes."""

    def __reduce__(self):
        return bytearray, (2 * 10**9,)


def deflated(value: object) -> bytes:
    """Return a file of torch's, packed anew with compression."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved(value))) as stored,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for each in stored.infolist():
            made.writestr(each.filename, stored.read(each))
    return stream.getvalue()


TOO_MUCH = {
    "zip": (deflated({"w": torch.zeros(20_000_000)}), r"unpacks to 80\.\d MB, and 67\.1 MB are the most that it can"),
    "file": (saved({"w": torch.zeros(20_000_000)}), "has more than 64 MB"),
    "number": (saved({"w": Memory()}), "asks for memory that is no tensor's"),
    "number in a stream": (saved({"w": Memory()}, as_zip=False), "asks for memory that is no tensor's"),
    "number, packed": (deflated({"w": Memory()}), "asks for memory that is no tensor's"),
}


@pytest.mark.parametrize(("data", "message"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_file_that_asks_for_more_memory_than_its_network_needs_is_not_loaded(tmp_path, monkeypatch, data, message):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(WeightsError, match=rf"^w\.pt: the file {message}"):
        load(tmp_path, data)


def test_compressed_zip_that_unpacks_to_what_the_network_needs_is_read(tmp_path):
    assert_same(load(tmp_path, deflated({"w": torch.arange(9.0)})), {"w": torch.arange(9.0)})


@FORMATS
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file_is_refused_as_damaged(tmp_path, densenet, as_zip, share):
    data = saved(densenet, as_zip=as_zip)

    with pytest.raises(WeightsError, match=r"w\.pt: the file is damaged.*Delete it and fetch it again"):
        load(tmp_path, data[: int(len(data) * share)])


@FORMATS
def test_flipped_bytes_never_end_in_anything_but_tensors_or_a_refusal(tmp_path, as_zip):
    data = saved(odd_module(), as_zip=as_zip)
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        broken = bytearray(data)
        for place in random.integers(16, len(data), size=8):
            broken[place] = random.integers(256)
        try:
            state = load(tmp_path, bytes(broken))
        except WeightsError:
            refused += 1
        else:
            assert all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    assert refused > 15


def test_file_that_changed_since_it_was_located_is_refused(tmp_path):
    path = tmp_path / "w.pt"
    path.write_bytes(saved({"w": torch.ones(1)}))

    with pytest.raises(WeightsError, match=r"w\.pt: SHA-256 is .*, expected 000000000000…\. The file has changed"):
        load_state_dict(path, expected_sha256="0" * 64, most=MOST)
    with pytest.raises(WeightsError, match=r"absent\.pt: the file cannot be read"):
        load_state_dict(tmp_path / "absent.pt", expected_sha256="0" * 64, most=MOST)
