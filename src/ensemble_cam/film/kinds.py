"""What a film's bytes are, by their content and never by a name."""

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.file import is_dicom

DICOM = "DICOM"
ACCEPTED = "PNG, JPEG, TIFF, BMP and DICOM films are read"

_HEAD_BYTES = 1024  # enough to tell what a file is
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
}
KINDS = frozenset((*_PICTURES.values(), DICOM))
_REFUSED = (  # offset, magic, what it is
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"II+\0", "a BigTIFF picture"),
    (0, b"MM\0+", "a BigTIFF picture"),
    (4, b"ftyp", "a HEIF picture or a film clip"),
)


def kind_of(data: bytes) -> str:
    """Return which of `KINDS` a file is.

    Raises:
        RadiographError: if it is none of them; the message says what it is.
    """
    if is_dicom(data[:_HEAD_BYTES]):
        return DICOM
    for magic, kind in _PICTURES.items():
        if data.startswith(magic):
            return kind
    for offset, magic, name in _REFUSED:
        if data[offset : offset + len(magic)] == magic:
            raise RadiographError(f"This is {name}; {ACCEPTED}. Export the film as one of these.")
    name = "a text file" if _is_text(data[:4096]) else "no film of a kind known here"
    raise RadiographError(f"This is {name}; {ACCEPTED}. Export the film as one of these.")


def decoder_of(head: bytes) -> str:
    """Return which of the decoders a file that begins so is for: "dicom", or "pictures"."""
    return "dicom" if is_dicom(head[:_HEAD_BYTES]) else "pictures"


def is_a_picture(head: bytes) -> bool:
    """Whether a file that begins so is a picture or a DICOM object, be it of a kind that is read here or refused.

    Args:
        head: its first 132 bytes or more; some hundred tell a DICOM object without preamble.
    """
    refused = any(head[offset : offset + len(magic)] == magic for offset, magic, name in _REFUSED if "picture" in name)
    return refused or is_dicom(head) or head.startswith(tuple(_PICTURES))


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
