"""What is asked of every film of a run: a request that other processes and machines can be handed."""

import base64
import pickle
import zlib
from dataclasses import dataclass
from typing import Literal, Self

from ensemble_cam.export.dicom.objects import DicomOptions
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice
from ensemble_cam.settings.config import Config

Detail = Literal["scores", "findings", "maps"]
"""How much is kept of a film: its scores; also its first findings with their regions; also these findings' maps."""


class _Request:
    def to_text(self) -> str:
        """Return the request as an argument of a process that this program starts itself: nobody else's is read."""
        return base64.b64encode(zlib.compress(pickle.dumps(self), 9)).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the request of `to_text`."""
        asked = pickle.loads(zlib.decompress(base64.b64decode(text)))
        if not isinstance(asked, cls):
            raise TypeError(f"the argument is no {cls.__name__}")
        return asked


@dataclass(frozen=True)
class Asked(_Request):
    """What is asked of every film of an archive.

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


@dataclass(frozen=True)
class AskedReviews(_Request):
    """What is asked of every film of a run that writes reviews.

    Attributes:
        config: where the classifiers are described.
        choice: which of them review.
        options: as `preparing.checked` returned them.
        save_maps: whether every map is written on the source grid.
        pdf: whether every figure is written as a PDF, too.
        dicom: which DICOM objects are written of films that came as DICOM; None for none.
        logged: whether the details of failures are wanted.
    """

    config: Config
    choice: Choice
    options: ReviewOptions
    save_maps: bool = False
    pdf: bool = False
    dicom: DicomOptions | None = None
    logged: bool = False
