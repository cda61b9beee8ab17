"""What a film costs a shared app while it is open, and its session's file for good, in MB.

    python benchmarks/open_films.py
    python benchmarks/open_films.py --count 10

Films of 3000×2500 pixels in 12 bits whose last four bits are noise, as most films' are, are opened and read as the app
does, with what the viewer is sent of them, and kept in a session's file. Printed are this process's memory and the
file's growth, for each film. Neither depends on what else the machine does.
"""

import argparse
import gc
import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from processes import memory
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.readers.pixels import keep_pixels
from ensemble_cam.readers.store import NAME, Store
from ensemble_cam.readers.verdicts import keep_film
from ensemble_cam.ui.session.films import SessionFilms

_ROWS, _COLUMNS = 3000, 2500


def film(seed: int) -> bytes:
    """Return a film's DICOM file."""
    drawn = draw_phantom(seed, size=512).pixels.astype(np.float32)
    rows, columns = (np.linspace(0, 511, count).astype(int) for count in (_ROWS, _COLUMNS))
    grey = drawn[rows][:, columns] / drawn.max() * 4080
    noise = np.random.default_rng(seed).integers(0, 16, (_ROWS, _COLUMNS))
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, f"2.25.{seed + 1}"
    dataset.Modality, dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "DX", "MONOCHROME2", 1
    dataset.Rows, dataset.Columns, dataset.PixelRepresentation = _ROWS, _COLUMNS, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelData = (grey.astype(np.uint16) // 16 * 16 + noise.astype(np.uint16)).tobytes()
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def main() -> int:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5, help="films (%(default)s)")
    count = parser.parse_args().count
    films = SessionFilms()
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        opened, before, began = 0, 0, 0
        for seed in range(count + 1):  # the first one also loads what reads it
            data = film(seed)
            keep_pixels(store, keep_film(store, films.add("film.dcm", data).id.sha256), decode_apart(data))
            each = films[seed + 1]
            read = each.read().radiograph
            if read is None:
                print(each.failure, file=sys.stderr)
                return 1
            each.part(read, whole=True)
            del data, read, each
            gc.collect()
            store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            opened, kept = memory(os.getpid()) or 0, (Path(folder) / NAME).stat().st_size
            if seed == 0:
                before, began = opened, kept
    print(f"{count} films of {_ROWS}×{_COLUMNS} in 12 bits")
    print(f"open: {(opened - before) / count / 1e6:.0f} MB each")
    print(f"in the session's file: {(kept - began) / count / 1e6:.0f} MB each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
