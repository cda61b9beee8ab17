"""What is asked of every film of an archive: a request that other processes and machines can be handed."""

import base64
import pickle
import zlib
from dataclasses import dataclass
from typing import Literal

from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice
from ensemble_cam.settings.config import Config

Detail = Literal["scores", "findings", "maps"]
"""How much is kept of a film: its scores; also its first findings with their regions; also these findings' maps."""


@dataclass(frozen=True)
class Asked:
    """What is asked of every film.

    Attributes:
        config: where the classifiers are described.
        choice: which of them review.
        options: as `preparing.checked` returned them.
        detail: how much is kept.
        anonymous: whether films are called by their hashes.
    """

    config: Config
    choice: Choice
    options: ReviewOptions
    detail: Detail
    anonymous: bool = False

    def to_text(self) -> str:
        """Return the request as an argument of a process that this program starts itself: nobody else's is read."""
        return base64.b64encode(zlib.compress(pickle.dumps(self), 9)).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> "Asked":
        """Return the request of `to_text`."""
        asked = pickle.loads(zlib.decompress(base64.b64decode(text)))
        if not isinstance(asked, cls):
            raise TypeError("the argument is no request of an archive")
        return asked
