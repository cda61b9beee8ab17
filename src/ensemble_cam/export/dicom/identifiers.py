"""UIDs that follow from what an object says: the same review written twice is one object, a new review a new one.

Source: DICOM PS3.5 B.2 (UIDs derived from UUIDs, `2.25.`), RFC 9562 5.8 (UUIDs of one's own making).
"""

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ensemble_cam.export.record import review_json
from ensemble_cam.reviewing.review import Review

IMPLEMENTATION = "ensemble-cam"


def uid(*parts: str) -> str:
    """Return a UID under 2.25 that follows from texts, and from nothing else."""
    digest = bytearray(hashlib.sha256(json.dumps(parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8
    digest[8] = digest[8] & 0x3F | 0x80  # the variant of RFC 9562
    return f"2.25.{uuid.UUID(bytes=bytes(digest)).int}"


@dataclass(frozen=True)
class Identifiers:
    """The UIDs of one review's objects.

    Attributes:
        root: all that the objects say, as one hash in hex.
    """

    root: str

    @classmethod
    def of(cls, review: Review, film_uid: str, said: Sequence[object] = ()) -> "Identifiers":
        """Return those of a review.

        Args:
            review: the film's, whose record says program, weights, settings, results, and when it was made.
            film_uid: the film's SOP Instance UID.
            said: what else the objects say, such as readers' verdicts.
        """
        film = review.analysis.radiograph
        pixels = hashlib.sha256(film.source.data if film.source.flags.c_contiguous else film.source.tobytes())
        told = json.dumps([film_uid, film.stored_size, pixels.hexdigest(), review_json(review), *map(repr, said)])
        return cls(hashlib.sha256(told.encode()).hexdigest())

    def series(self, kind: str, encoding: str) -> str:
        """Return the UID of the series that a kind of object, encoded in a way, stands in."""
        return uid(self.root, "series", kind, encoding)

    def instance(self, kind: str, encoding: str, number: int) -> str:
        """Return the UID of an object: the `number`th of its kind."""
        return uid(self.root, "instance", kind, encoding, str(number))

    def tracking(self, *parts: str) -> str:
        """Return the UID by which report and segmentation mean the same finding or region."""
        return uid(self.root, "tracking", *parts)
