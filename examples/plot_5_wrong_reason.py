"""
Right for the wrong reason
==========================

Two networks of one architecture, trained on films of one kind. One was shown where findings are; the other learned
from labels alone. Their scores hardly tell them apart. Their maps do.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import ensemble_cam as ec

networks = {"teaching-resnet": "learned with masks", "teaching-shortcut": "learned from labels alone"}
seeds = range(9_700_000, 9_700_006)  # films that neither has seen
found = []
for seed in seeds:
    phantom = ec.draw_phantom(seed=seed, size=256, findings=["Edema"], difficulty=0)
    truth = phantom.masks["Edema"]
    review = ec.review(phantom, set="teaching", classifiers=list(networks), labels=["Edema"])
    for id, how in networks.items():
        region = np.nan_to_num(review.map("Edema", classifier=id)) >= 0.5
        found.append((how, review.scores.loc["Edema", id], np.sum(region & truth) / np.sum(region | truth)))

# %%
# Means over six films with a planted edema: both call it.

pd.DataFrame(found, columns=["network", "score", "IoU with the truth"]).groupby("network").mean().round(2)

# %%
# The last of the films. The white line is the planted edema.

figure, axes = plt.subplots(1, 2, figsize=(8.5, 4.6), layout="constrained")
for axis, (id, how) in zip(axes, networks.items(), strict=True):
    map = review.map("Edema", classifier=id)
    axis.imshow(review.film.display, cmap="gray")
    axis.imshow(np.where(map < 0.4, np.nan, map), cmap="inferno", vmin=0, vmax=1, alpha=0.6)
    axis.contour(truth, levels=[0.5], colors="white", linewidths=0.8)
    axis.set_title(f"{how}: {review.scores.loc['Edema', id]:.2f}, {review.calls.loc['Edema', id]}", fontsize=10)
    axis.set_axis_off()

# %%
# On a patient's film nobody has the white line. A map beside the finding is a question to the network; a map on it is
# no answer, as a shortcut may lie there, too.
