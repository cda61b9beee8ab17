"""Ensemble-CAM: clinical review of chest radiographs.

One film's way: bytes → `Radiograph` → (tensor, `Geometry`) → activation and logits → `CamMap` on the model's grid
→ source pixels → ensemble → `Analysis` → overlays, figure, `review.json`.
"""

__version__ = "0.1.0"
