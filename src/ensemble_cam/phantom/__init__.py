"""Phantoms: frontal chest films drawn by code from a seed, with findings planted at known places.

`draw_phantom` draws one. A phantom is no patient's film and no simulation of physics: it looks enough like a chest film
to teach how maps are read, and its truth is known to the pixel.
"""

from .drawing import (
    FINDINGS,
    OPERATING_POINT_SEEDS,
    TRAINING_SEEDS,
    VERSION,
    Phantom,
    draw_phantom,
    were_learned_from,
)

__all__ = [
    "FINDINGS",
    "OPERATING_POINT_SEEDS",
    "TRAINING_SEEDS",
    "VERSION",
    "Phantom",
    "draw_phantom",
    "were_learned_from",
]
