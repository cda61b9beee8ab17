"""
How a map is made
=================

One map, step by step: activation, gradients, channel weights, weighted sum, ReLU, cells, enlargement; and what it is
without the ReLU, or without the gradient. The app's page *How a map is made* shows the same.
"""

import matplotlib.pyplot as plt
import numpy as np

import ensemble_cam as ec
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.maps.cams import expose
from ensemble_cam.maps.making import making
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import load_config

phantom = ec.draw_phantom(seed=4, size=256, findings=["Effusion", "Mass"], difficulty=0.3)
film = ec.read_film(phantom)
classifier = load_classifier(load_config().classifier("teaching-densenet"), runtime="openvino")
exposure = expose(classifier, model_input(film, framing="crop", size=classifier.config.input_size))
steps = making("gradcam", exposure, classifier.outputs["Mass"])
print(f"{len(steps.activation)} channels of {steps.map.shape} cells; logit {steps.logit:.2f}")

# %%
# The channel that moves the sum most, what the logit's gradient says of it, and all channels' weights. The network's
# last ReLU is silent in the white cells, and lets no gradient through there.

strongest = steps.strongest(1)[0]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
axes[0].imshow(steps.activation[strongest], cmap="inferno")
most = np.abs(steps.gradients[strongest]).max()
axes[1].imshow(steps.gradients[strongest], cmap="RdBu_r", vmin=-most, vmax=most)
axes[2].bar(range(len(steps.weights)), np.sort(steps.weights)[::-1])
for axis, title in zip(axes, ("$A_k$", "$G_k = dy / dA_k$", "all $w_k$, sorted"), strict=True):
    axis.set_title(title)

# %%
# The weighted sum, and what the ReLU leaves of it. Divided by its maximum and enlarged between the cells' centres it
# is the map that a review shows; the white line is the planted mass. Stretched instead of cut off, it colours cells
# that speak against the mass. And with every channel counting the same, it shows the effusion as well: no finding was
# asked for, so it explains none.

shown = {
    "weighted sum": steps.total,
    "ReLU": steps.map,
    "without the ReLU": steps.without_relu,
    "without the gradient": steps.without_gradient,
}
figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
for axis, (title, grid) in zip(axes, shown.items(), strict=True):
    axis.imshow(
        grid, cmap="inferno", extent=(0, 256, 256, 0), interpolation="nearest" if "ReLU" in title else "bilinear"
    )
    axis.contour(phantom.masks["Mass"], levels=[0.5], colors="white", linewidths=0.8)
    axis.set_title(title)
