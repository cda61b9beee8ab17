"""
Disagreement and other weights
==============================

Where networks look at different places, the ensemble's map stays low. A review by other weights costs no network's run.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import ensemble_cam as ec

phantom = ec.draw_phantom(seed=23, size=320, findings=["Nodule"], difficulty=1)
networks = ["teaching-densenet", "teaching-resnet", "teaching-jfhealthcare", "teaching-shortcut"]
review = ec.review(phantom, set="teaching", classifiers=networks, labels=["Nodule"])

# %%
# Each network's score and call. Where some call a finding and others do not, it is *split*, and that stands beside it
# wherever it is shown.

pd.DataFrame({"score": review.scores.loc["Nodule"].round(2), "call": review.calls.loc["Nodule"]})

# %%
# How far the maps agree, over all pairs: the overlap of what is above the threshold, and the correlation of ranks.


def agreement(of):
    found = of.agreement("Nodule")
    return f"IoU {found.iou:.2f}, rank correlation {found.rank_correlation:.2f}"


print("all four:", agreement(review))
without = review.reweighted({"teaching-shortcut": 0.0})
print("without the shortcut network:", agreement(without))

# %%
# The ensemble is the mean of relative activations, and is not stretched again: its maximum tells how far the networks
# look at one place.

figure, axes = plt.subplots(2, 3, figsize=(10, 7), layout="constrained")
shown = {name: review.map("Nodule", classifier=name) for name in networks}
shown |= {"ensemble of four": review.map("Nodule"), "ensemble of three": without.map("Nodule")}
for axis, (name, map) in zip(axes.flat, shown.items(), strict=True):
    axis.imshow(review.film.display, cmap="gray")
    axis.imshow(np.where(map < 0.2, np.nan, map), cmap="inferno", vmin=0, vmax=1, alpha=0.6)
    axis.contour(phantom.masks["Nodule"], levels=[0.5], colors="white", linewidths=0.8)
    axis.set_title(f"{name}\nmaximum {np.nanmax(map):.2f}", fontsize=9)
    axis.set_axis_off()
