"""Ensemble-CAM: clinical review of chest radiographs.

One film's way: bytes → `Radiograph` → (tensor, `Geometry`) → activation and logits → `CamMap` on the model's grid
→ source pixels → ensemble → `Analysis` → overlays, figure, `review.json`.
"""

import logging

# Where the log goes is for the program to say: `review --log`, or the app's terminal.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.1.0"
