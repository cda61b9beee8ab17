"""
A first review
==============

A film, its scores, its maps. The film is a phantom, drawn from a seed, so nothing has to be fetched.
"""

import matplotlib.pyplot as plt
import numpy as np

import ensemble_cam as ec

phantom = ec.draw_phantom(seed=4, size=384, findings=["Effusion", "Mass"], difficulty=0.2)
review = ec.review(phantom, set="teaching", top_k=2)

# %%
# A row for each finding, the highest first; 0.5 is the operating point. No score is a probability.

review.scores.round(2)

# %%
# Maps are arrays in the film's own pixels. Where no network saw the film they are NaN, so nothing is drawn there.

film = review.film.display
figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
axes[0].imshow(film, cmap="gray")
axes[0].set_title("The film")
for axis, label in zip(axes[1:], review.findings, strict=True):
    map = review.map(label)
    axis.imshow(film, cmap="gray")
    axis.imshow(np.ma.masked_invalid(np.where(map < 0.4, np.nan, map)), cmap="inferno", vmin=0, vmax=1, alpha=0.5)
    axis.set_title(f"{label}: {review.scores.loc[label, 'ensemble']:.2f}, {review.calls.loc[label, 'ensemble']}")
for axis in axes:
    axis.set_axis_off()
words = "Ensemble of the teaching set, Grad-CAM++, from 0.4 on. Research and teaching use. Not for diagnosis."
figure.supxlabel(words, fontsize=8)

# %%
# The same with all that belongs to it – every network's map, weights, method, warnings – is the annotated figure. A
# notebook shows it of a review, and ``review.save("out")`` writes it beside the numbers.

review
