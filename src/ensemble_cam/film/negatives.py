"""Whether a picture of a chest looks like a negative of one.

A file that says nothing of its greys may hold a film as it hung on the light box, or its negative: lungs white, bones
black. The networks were trained on the first alone, and read the second as another chest.
"""

import numpy as np

_SAMPLES = 256  # along each axis
_MARGIN = 0.25  # of the way between the film's 5th and 95th percentile

# Rows and columns of a frontal film, as shares of its height and width.
_LUNGS_DOWN = (0.25, 0.60)
_LEFT_LUNG, _RIGHT_LUNG, _MIDST = (0.19, 0.38), (0.62, 0.81), (0.44, 0.56)
_BELOW = ((0.88, 1.00), (0.25, 0.75))
_UPPER_CORNERS = ((0.00, 0.15), (0.00, 0.12)), ((0.00, 0.15), (0.88, 1.00))


def looks_negative(display: np.ndarray) -> bool:
    """Tell whether a film looks like a negative of a frontal chest film.

    Three things have to be true at once, each by a quarter of the film's contrast: the midst (spine, heart) is darker
    than both lungs, what lies below them (abdomen) is darker than they are, and the upper corners (air beside the neck)
    are brighter than the midst. White lungs, a black border or a lateral film fulfil one of them, never all.

    Args:
        display: (h, w) uint8, 255 = white.
    """
    rows, columns = (slice(None, None, max(1, length // _SAMPLES)) for length in display.shape)
    seen = display[rows, columns].astype(np.float64)
    low, high = np.percentile(seen, (5, 95))
    margin = _MARGIN * (high - low)
    if margin == 0:
        return False
    midst = _grey(seen, _LUNGS_DOWN, _MIDST)
    lungs = _grey(seen, _LUNGS_DOWN, _LEFT_LUNG), _grey(seen, _LUNGS_DOWN, _RIGHT_LUNG)
    below = _grey(seen, *_BELOW)
    corners = np.mean([_grey(seen, *corner) for corner in _UPPER_CORNERS])
    return bool(midst < min(lungs) - margin and below < np.mean(lungs) - margin and corners > midst + margin)


def _grey(seen: np.ndarray, down: tuple[float, float], across: tuple[float, float]) -> float:
    """Return the median grey of a part of the film."""
    height, width = seen.shape
    part = seen[int(down[0] * height) : int(down[1] * height), int(across[0] * width) : int(across[1] * width)]
    return float(np.median(part))
