#!/usr/bin/env bash
# OpenVINO 2026.4.1 with PyTorch 2.14.1: the converter drops arguments of layers; the network computes something else.
#
# One would expect: `convert_model` converts a network so that it computes the same, and refuses what it cannot, as it
# does with other layers ("No conversion rule found for operations"). Its frontend for Paddle does refuse a Softplus of
# another `beta` (openvinotoolkit/openvino, issue 37951).
# What happens: traced networks are converted without an error or a warning, and the argument is left out: Softplus's
# `beta`, the correction of a variance, the decimals of a rounding. Distances with an odd `p` are made of differences
# that keep their sign, and integers are divided towards zero where PyTorch's `//` rounds down. A Softplus with a large
# `beta` in place of ReLU is what makes gradient explanations smooth (Dombrowski et al., 2019): there, scores and maps
# come from another network than the one that was trained.
# What to do: compare the converted network's outputs with PyTorch's before it is used. A network that went through
# `torch.export` first has Softplus taken apart, and right.
#
# Output seen:
#     Softplus(beta=5): torch [0.0, 0.14, 0.52, 1.26], OpenVINO [0.31, 0.69, 0.97, 1.51]
#     cdist(x, -x.T, p=1): torch [2.0, 1.0, 0.5, 0.26], OpenVINO [nan, nan, nan, 0.26]
#     var(correction=2): torch [1.35], OpenVINO [0.9]
#     round(decimals=1): torch [-1.0, 0.0, 0.5, 1.3], OpenVINO [-1.0, 0.0, 0.0, 1.0]
#     int32 // 3: torch [-4, 0, 1, 4], OpenVINO [-3, 0, 1, 4]
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "openvino==2026.4.1" "torch==2.14.1" "numpy==2.4.6"

cd "$folder"
cat > check.py <<'PYTHON'
import openvino
import torch


class Layer(torch.nn.Module):
    def __init__(self, work):
        super().__init__()
        self.work = work

    def forward(self, x):
        return self.work(x)


x = torch.tensor([[-1.0, 0.0, 0.5, 1.26]])
layers = {
    "Softplus(beta=5)": torch.nn.Softplus(beta=5),
    "cdist(x, -x.T, p=1)": Layer(lambda x: torch.cdist(x.T, -x.T, p=1)[:1]),
    "var(correction=2)": Layer(lambda x: x.var((1,), correction=2)),
    "round(decimals=1)": Layer(lambda x: torch.round(x, decimals=1)),
    "int32 // 3": Layer(lambda x: (10 * x).to(torch.int32) // 3),
}
for name, layer in layers.items():
    model = openvino.convert_model(layer.eval(), example_input=x)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    torchs, openvinos = layer(x).flatten().tolist(), compiled(x.numpy())[0].flatten().tolist()
    print(f"{name}: torch {[round(v, 2) for v in torchs]}, OpenVINO {[round(v, 2) for v in openvinos]}")
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
