"""Phantoms: frontal chest films drawn by code from a seed, with findings planted at known places.

`draw_phantom` draws one. A phantom is no patient's film and no simulation of physics: it looks enough like a chest film
to teach how maps are read, and its truth is known to the pixel.
"""

from .drawing import FINDINGS, VERSION, Phantom, draw_phantom

__all__ = ["FINDINGS", "VERSION", "Phantom", "draw_phantom"]
