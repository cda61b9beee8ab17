#!/usr/bin/env bash
# torchvision 0.29.1: what `create_feature_extractor` returns for a layer depends on which others are asked for with it.
#
# One would expect: "a new graph module which returns given nodes": a layer's features are the same, whether the
# network's output is asked for beside them or not.
# What happens: where a ReLU that writes in place follows the layer, it runs only if something behind it is asked for.
# Then it overwrites what is handed back: all values below 0 are gone. The last layer of DenseNet, which activation maps
# are made of, and the sums of ResNet's blocks are such. Features that were stored alone and features that came with the
# scores differ under one name, without a word.
# What to do: ask for the layer alone, or have the network copy it (`inplace=False`; DenseNet's is in its code).
#
# Output seen:
#     densenet121, features.norm5: below 0 alone 49%, with the output 0%; equal above 0: True
#     resnet50, layer4.2.add: below 0 alone 31%, with the output 0%; equal above 0: True
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.14.1" "torchvision==0.29.1"

cd "$folder"
cat > check.py <<'PYTHON'
import torch
from torchvision.models import densenet121, resnet50
from torchvision.models.feature_extraction import create_feature_extractor

torch.manual_seed(0)
torch.set_num_threads(1)
film = torch.randn(1, 3, 64, 64)
for build, layer, output in ((densenet121, "features.norm5", "classifier"), (resnet50, "layer4.2.add", "fc")):
    network = build().eval()
    with torch.no_grad():
        alone = create_feature_extractor(network, [layer])(film)[layer]
        beside = create_feature_extractor(network, [layer, output])(film)[layer]
    print(f"{build.__name__}, {layer}: below 0 alone {(alone < 0).float().mean():.0%}", end=", ")
    print(f"with the output {(beside < 0).float().mean():.0%}; equal above 0: {torch.equal(alone.relu(), beside)}")
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
