#!/usr/bin/env bash
# grad-cam 1.5.7 with torchvision 0.29.1: a DenseNet's map on the processor is made of another activation than its layer
# returned.
#
# One would expect: the activation in the formula is what the target layer returned, on any device.
# What happens: torchvision's DenseNet hands what `features` returned to a ReLU that writes into it. The package's hook
# keeps the tensor itself, not a copy, so by the time the map is made the values below 0 are gone, while the gradient is
# that at the layer. No message says so, and the map looks fine. By its source, the hook moves what it keeps to the
# processor's memory, which would copy it on a graphics card and does not here; that was not run.
# What to do: hook a layer behind which nothing writes in place, or one of your own that returns a copy.
#
# Output seen:
#     lowest value that the layer returned: -11.32
#     lowest value that the package used: 0.00
#     largest difference of the maps, of 1: 0.87
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "grad-cam==1.5.7" "torch==2.14.1" "torchvision==0.29.1"

cd "$folder"
cat > check.py <<'PYTHON'
import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchvision.models import densenet121

torch.manual_seed(0)
torch.set_num_threads(1)
model = densenet121(num_classes=5).eval()
picture = torch.randn(1, 3, 96, 96)

returned = []  # a copy, taken before anything else has it
handle = model.features.register_forward_hook(lambda _, __, output: returned.append(output.detach().clone()))
with GradCAM(model, [model.features]) as cam:
    package = cam(picture, [ClassifierOutputTarget(2)])[0]
    used = cam.activations_and_grads.activations[0]
    gradient = cam.activations_and_grads.gradients[0]
handle.remove()

own = torch.nn.functional.relu((gradient.mean(dim=(2, 3), keepdim=True) * returned[0]).sum(dim=1))[0].numpy()
own = (own - own.min()) / (own.max() - own.min())
own = np.asarray(torch.nn.functional.interpolate(torch.tensor(own)[None, None], size=(96, 96), mode="bilinear")[0, 0])
print(f"lowest value that the layer returned: {returned[0].min():.2f}")
print(f"lowest value that the package used: {used.min():.2f}")
print(f"largest difference of the maps, of 1: {np.abs(own - package).max():.2f}")
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
grep -Eqx "lowest value that the layer returned: -[1-9][0-9.]*" output.txt
grep -qx "lowest value that the package used: 0.00" output.txt
grep -Eqx "largest difference of the maps, of 1: 0.[2-9][0-9]" output.txt
