"""
Methods side by side
====================

Eight ways to draw a map from the same network's same activation. They differ in how they weigh its channels and cells.
"""

import matplotlib.pyplot as plt
import numpy as np

import ensemble_cam as ec

phantom = ec.draw_phantom(seed=4, size=256, findings=["Effusion", "Mass"], difficulty=0.2)
film = ec.read_film(phantom)
methods = ["gradcam++", "gradcam", "hirescam", "layercam", "xgradcam", "ablationcam", "eigencam", "guidedgradcam"]
asked = {"set": "teaching", "classifiers": ["teaching-densenet"], "labels": ["Mass"]}
maps = {method: ec.review(film, method=method, **asked).map("Mass") for method in methods}

# %%
# The line is the planted mass: the truth, which no method is told. There is an effusion on the film, too, and
# Eigen-CAM, which asks for no finding, shows where the network is active at all.

figure, axes = plt.subplots(2, 4, figsize=(11, 6), layout="constrained")
for axis, (method, map) in zip(axes.flat, maps.items(), strict=True):
    axis.imshow(film.display, cmap="gray")
    axis.imshow(np.where(map < 0.2, np.nan, map), cmap="inferno", vmin=0, vmax=1, alpha=0.6)
    axis.contour(phantom.masks["Mass"], levels=[0.5], colors="white", linewidths=0.8)
    axis.set_title(method)
    axis.set_axis_off()

# %%
# How much two maps resemble one another, in numbers: the correlation of their ranks. Behind an average and a linear
# layer some of them are the same map under two names.

from scipy.stats import spearmanr  # noqa: E402

for method, map in maps.items():
    rank = spearmanr(maps["gradcam++"].ravel(), map.ravel(), nan_policy="omit").statistic
    print(f"{method:14} beside Grad-CAM++: {rank:.2f}")

# %%
# That a map looks sharp is no merit: Guided Grad-CAM's is on the network's 192 pixels where the others have 24 cells,
# and its edges are the film's. See :doc:`the limits </method/limits>`.
