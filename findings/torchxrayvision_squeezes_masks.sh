#!/usr/bin/env bash
# torchxrayvision 1.5.7 with pycocotools 2.0.11: CheXlocalize's masks are squeezed to a square, off their film.
#
# One would expect: `CheXlocalize_Dataset(pathology_masks=True)` gives masks that lie on the film beside them, as the
# annotations do, whose size is the film's; and that one transform, applied to both, keeps them together ("the
# transforms that are applied to the image are the same that are applied to each mask", `apply_transforms`).
# What happens: each mask is resized to the film's width by the film's width, whatever its height, and CheXpert's films
# are rarely square. As they come, film and mask differ in size. After `XRayCenterCrop`, which the package's networks
# want, the sizes are the same and the place is not: the film was cropped, the mask, square by then, was not. Measures
# of where maps lie are wrong by as much, without a word.
# What to do: decode the masks with pycocotools at their own size, and crop them as the film.
#
# Output seen:
#     as it is: film (600, 400), mask (400, 400)
#     cropped: film (400, 400), mask (400, 400), overlap (IoU) with the lesion that the film shows: 0.03
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torchxrayvision==1.5.7" "pycocotools==2.0.11" "torch==2.14.1" "torchvision==0.29.1"

mkdir -p "$folder/val/patient1/study1"
cd "$folder"
cat > check.py <<'PYTHON'
import json

import imageio.v3 as iio
import numpy as np
import torchvision
import torchxrayvision as xrv
from pycocotools import mask as coco

# CheXpert's films are rarely square; this one is higher than wide, with one white lesion, annotated to the pixel.
lesion = np.zeros((600, 400), np.uint8)
lesion[130:190, 60:160] = 1
iio.imwrite("val/patient1/study1/view1_frontal.jpg", lesion * 255, quality=100)
run = coco.encode(np.asfortranarray(lesion))
with open("masks.json", "w") as file:
    found = {"Lung Lesion": {"size": run["size"], "counts": run["counts"].decode()}}
    json.dump({"patient1_study1_view1_frontal": found}, file)
with open("labels.csv", "w") as file:
    file.write("Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Lung Lesion\n")
    file.write("CheXpert-v1.0/val/patient1/study1/view1_frontal.jpg,Male,50,Frontal,PA,0,1\n")

crop = torchvision.transforms.Compose([xrv.datasets.XRayCenterCrop()])
for words, steps in {"as it is": None, "cropped": crop}.items():
    films = xrv.datasets.CheXlocalize_Dataset(
        imgpath=".", csvpath="labels.csv", segmentation_jsonpath="masks.json", transform=steps, unique_patients=False
    )
    film = films[0]
    (mask,) = film["pathology_masks"].values()
    print(f"{words}: film {film['img'].shape[1:]}, mask {mask.shape[1:]}", end="")
    if film["img"].shape == mask.shape:
        seen, told = film["img"][0] > 0, mask[0] > 0
        overlap = (seen & told).sum() / (seen | told).sum()
        print(f", overlap (IoU) with the lesion that the film shows: {overlap:.2f}", end="")
    print()
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
