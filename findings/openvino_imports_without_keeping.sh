#!/usr/bin/env bash
# OpenVINO 2026.4.1: a network imported from a tensor computes from the caller's array, and does not keep it.
#
# One would expect: `Core.import_model` takes an exported network as bytes, as a stream or as a tensor, and what comes of
# it stands by itself, as it does from bytes and streams. Or, where memory is shared, that it is kept: a `Tensor` keeps
# the NumPy array that it shares (openvinotoolkit/openvino, pull request 26209), and arguments and results of inference
# that are shared keep theirs. The documentation of `import_model` says nothing of either.
# What happens: of a network imported from a `Tensor` that shares an array, some constants are copied (weights that are
# packed for the processor) and others are read in the array at every inference; which ones depends on the layer. Neither
# network nor request holds the array: once the tensor is gone it is freed, and the network goes on with whatever comes to
# lie there. Where several networks are read into one buffer, one after the other, the earlier ones take on the later
# ones' constants without a word: biases and norms of one network with the weights of another, and scores as good as any.
# What to do: keep the array for as long as the network, each network's its own; or import from bytes, at the price of a
# copy.
#
# Output seen:
#     from bytes: x + 5 = 6.0, after the buffer was filled with the next network: x + 5 = 6.0
#     from a tensor: x + 5 = 6.0, after the buffer was filled with the next network: x + 5 = 8.0
#     from a tensor: w x = 4.0, after the buffer was filled with the next network: w x = 4.0
#     with the tensor gone, the network holds its array: False
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "openvino==2026.4.1" "numpy==2.4.6"

cd "$folder"
cat > check.py <<'PYTHON'
import weakref

import numpy as np
import openvino
from openvino import opset13 as layers

core, one = openvino.Core(), np.ones((1, 4), np.float32)
options = {"INFERENCE_PRECISION_HINT": "f32"}


def exported(kind, value):
    x = layers.parameter([1, 4], np.float32, name="x")
    if kind == "x + 5":
        result = layers.add(x, layers.constant(np.full((1, 4), value, np.float32), name="w"), name="y")
    else:
        result = layers.matmul(x, layers.constant(np.full((4, 4), value, np.float32), name="w"), False, True, name="y")
    return core.compile_model(openvino.Model([result], [x]), "CPU", options).export_model().getvalue()


def imported(buffer, how):
    given = buffer.tobytes() if how == "bytes" else openvino.Tensor(buffer, shared_memory=True)
    return core.import_model(given, "CPU", options)


for how, kind, value in (("bytes", "x + 5", 5), ("a tensor", "x + 5", 5), ("a tensor", "w x", 1)):
    first, next_one = (np.frombuffer(exported(kind, each), np.uint8) for each in (value, value + 2))
    buffer = np.zeros(max(len(first), len(next_one)), np.uint8)[: len(first)]
    buffer[:] = first
    network = imported(buffer, how)
    before = float(network(one)[0][0, 0])
    buffer.base[: len(next_one)] = next_one
    after = float(network(one)[0][0, 0])
    print(f"from {how}: {kind} = {before}, after the buffer was filled with the next network: {kind} = {after}")

buffer = np.frombuffer(exported("x + 5", 5), np.uint8).copy()
network, held = imported(buffer, "a tensor"), weakref.ref(buffer)
del buffer
print("with the tensor gone, the network holds its array:", held() is not None)
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
