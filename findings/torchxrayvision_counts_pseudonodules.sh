#!/usr/bin/env bash
# torchxrayvision 1.5.7: PadChest's labels are found as parts of words: a "pseudonodule" makes a film a Nodule.
#
# One would expect: `PC_Dataset` gives a film the findings that PadChest's radiographic findings name. PadChest keeps
# `pseudonodule` (a nipple, a vessel end-on) beside `nodule`, `pericardial effusion` beside `pleural effusion` and
# `subcutaneous emphysema` beside `emphysema`, as findings of their own (Bustos et al., arXiv:1901.07441).
# What happens: a finding is positive where its name stands anywhere in the text of the labels. More than a third of the
# films that the class calls Nodule have a pseudonodule and no nodule: a network that tells the two apart is counted as
# wrong on them, and one that learned from the class has learned not to. Effusion and Emphysema have the same on a
# smaller scale. The table of labels is the one that the package brings.
# What to do: take the column `Labels` apart into its terms, and compare whole terms.
#
# Output seen:
#     Nodule: 2190 films, 850 of them for nothing but pseudonodule
#     Effusion: 1625 films, 10 of them for nothing but pericardial effusion
#     Emphysema: 545 films, 23 of them for nothing but subcutaneous emphysema
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torchxrayvision==1.5.7" "torch==2.14.1" "torchvision==0.29.1"

cd "$folder"
cat > check.py <<'PYTHON'
import ast

from torchxrayvision.datasets import PC_Dataset

films = PC_Dataset(imgpath=".")  # the table of labels is in the package; no film is opened
others = {"Nodule": "pseudonodule", "Effusion": "pericardial effusion", "Emphysema": "subcutaneous emphysema"}
for finding, other in others.items():
    positive = films.labels[:, films.pathologies.index(finding)] == 1
    for_other_alone = 0
    for words in films.csv["Labels"][positive]:
        terms = [term.strip() for term in ast.literal_eval(words)]
        for_other_alone += all(finding.lower() not in term for term in terms if term != other)
    print(f"{finding}: {positive.sum()} films, {for_other_alone} of them for nothing but {other}")
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
