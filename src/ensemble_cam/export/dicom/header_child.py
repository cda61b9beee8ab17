"""The child process that reads a film's header for its objects: `python -m ensemble_cam.export.dicom.header_child`.

A request is a file's bytes; the answer tells what stands in the attributes of `attributes.READ`, as JSON:
`{"transfer_syntax": UID, "pixels": BYTES, "values": {KEYWORD: HEX}}`, of a look-up table that it is there, or
`{"refused": SENTENCE}`. It is asked by `film_header`, and nothing of it stays when it is answered.
"""

import json
import logging
import warnings
from collections.abc import Sequence

from ensemble_cam.errors import RadiographError
from ensemble_cam.export.dicom.attributes import READ, SEQUENCES
from ensemble_cam.export.dicom.sequences import as_explicit
from ensemble_cam.film.dicom.elements import Element
from ensemble_cam.film.dicom.file import find_elements
from ensemble_cam.machine.child import Allowance, Grant, serve

MOST_BYTES = 2**16
"""Of one value: texts are far shorter."""


def allowance(data: bytes) -> Allowance:
    """Return what a file's header may take: its elements are counted, and few of them are kept."""
    return Allowance(processor=3.0, seconds=30.0, memory=2**28 + 2 * len(data))


def answer(data: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
    """Return the message of a film's bytes."""
    try:
        syntax, found, pixels = find_elements(data, {tag for tag, _ in READ.values()})
    except (RadiographError, MemoryError) as error:
        sentence = str(error) if isinstance(error, RadiographError) else "The film's header is too large to be read."
        return json.dumps({"refused": sentence}).encode(), ()
    values = {
        name: _items(found[tag]) if name in SEQUENCES else _told(found[tag], vr)
        for name, (tag, vr) in READ.items()
        if tag in found
    }
    told = {name: value for name, value in values.items() if value is not None}
    return json.dumps({"transfer_syntax": syntax, "pixels": pixels, "values": told}).encode(), ()


def _items(element: Element) -> str | None:
    """Return a sequence's items in hex, in explicit little endian; None for one without, or that is too large."""
    value = as_explicit(element) if len(element.value) <= MOST_BYTES else None
    return value.hex() if value and len(value) <= MOST_BYTES else None


def _told(element: Element, vr: str) -> str | None:
    """Return a value in hex, a number in little endian; of a sequence an empty text where it has items."""
    if vr == "SQ":
        return "" if len(element.value) > 8 else None
    value = bytes(element.value)
    if len(value) > MOST_BYTES:
        return None
    return (value[::-1] if vr == "US" and element.encoding.big_endian else value).hex()


def main() -> None:
    """Read headers until no more are asked for."""
    logging.disable()
    warnings.simplefilter("ignore")
    serve(answer, first=allowance)


if __name__ == "__main__":
    main()
