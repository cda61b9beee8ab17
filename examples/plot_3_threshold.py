"""
Threshold, regions and the truth
================================

A map's regions at several thresholds beside the planted mask: whether the hottest point hits, and how far the areas
overlap.
"""

import matplotlib.pyplot as plt
import numpy as np

import ensemble_cam as ec

phantom = ec.draw_phantom(seed=11, size=384, findings=["Mass"], difficulty=0)
truth = phantom.masks["Mass"]
review = ec.review(phantom, set="teaching", labels=["Mass"], threshold=0.5)
map = np.nan_to_num(review.map("Mass"))

# %%
# The pointing game: the hottest point lies in the mask, or no further from it than 5 % of the film's width.

x, y = review.regions("Mass")[0].hottest
rows, columns = np.nonzero(truth)
distance = np.hypot(columns - x, rows - y).min()
hit = distance <= 0.05 * truth.shape[1]
print(f"hottest at ({x}, {y}), {distance:.0f} pixels from the mass: {'hit' if hit else 'miss'}")

# %%
# The overlap depends on the threshold, and so does a region's size. Neither is the border of the finding.

thresholds = np.linspace(0.05, 0.95, 19)
overlaps = [np.sum((map >= t) & truth) / np.sum((map >= t) | truth) for t in thresholds]
areas = [np.mean(map >= t) for t in thresholds]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
left.imshow(review.film.display, cmap="gray")
left.contour(truth, levels=[0.5], colors="white", linewidths=1)
drawn = left.contour(map, levels=[0.2, 0.5, 0.8], colors=["gold", "orange", "red"], linewidths=1.2)
left.clabel(drawn, fontsize=7)
left.plot(x, y, "+", color="cyan", markersize=12)
left.set_title("The planted mass (white), the map's contours")
left.set_axis_off()
right.plot(thresholds, overlaps, label="IoU with the planted mass")
right.plot(thresholds, areas, label="share of the film")
right.set_xlabel("sensitivity threshold")
right.set_ylim(0, 1)
right.legend()

# %%
# The regions at 0.5, as ``review.json`` lists them: half-open boxes in source pixels, the area as a share of what the
# networks saw.

for region in review.regions("Mass"):
    print(f"box {region.box}, {region.area:.1%}, hottest {region.hottest}, an outline of {len(region.outline)} corners")
