"""What a zip file unpacks to is read from its directory, and from no other one than every reader finds."""

import io
import struct
import zipfile

import pytest
import torch

from ensemble_cam.weights.zip_directory import BadDirectory, Entry, entries


def zipped(*sizes: int, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"", zip64: bool = False) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for number, size in enumerate(sizes):
            with archive.open(f"archive/data/{number}", "w", force_zip64=zip64) as record:
                record.write(bytes(size))
        archive.comment = comment
    return stream.getvalue()


def told(data: bytes) -> list[Entry]:
    return list(entries(io.BytesIO(data)))


def changed(data: bytes, at: int, value: bytes) -> bytes:
    at %= len(data)
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sizes_and_methods_are_those_that_pythons_own_reader_finds(method, zip64):
    data = zipped(0, 1, 10**6, method=method, zip64=zip64)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = [Entry(each.file_size, each.compress_type, False) for each in archive.infolist()]
    assert told(data) == expected
    assert [each.unpacked for each in expected] == [0, 1, 10**6]


def test_directory_of_torchs_own_files_is_read():
    stream = io.BytesIO()
    torch.save({"w": torch.zeros(1000)}, stream)
    with zipfile.ZipFile(stream) as archive:
        assert [each.unpacked for each in told(stream.getvalue())] == [each.file_size for each in archive.infolist()]
    assert 4000 in [each.unpacked for each in told(stream.getvalue())]


def test_a_size_beyond_32_bits_is_read_from_its_field():
    data = zipped(5)
    entry = data.index(b"PK\x01\x02")
    name = struct.unpack_from("<H", data, entry + 28)[0]
    field = struct.pack("<HHQ", 1, 8, 10**12)
    data = changed(data, entry + 24, b"\xff" * 4)
    data = changed(data, entry + 30, struct.pack("<H", len(field)))
    at = entry + 46 + name
    data = data[:at] + field + data[at:]
    end = data.index(b"PK\x05\x06")
    data = changed(data, end + 12, struct.pack("<L", end - entry))
    assert told(data) == [Entry(10**12, zipfile.ZIP_DEFLATED, False)]


def test_encryption_is_told():
    data = zipped(5)
    assert told(changed(data, data.index(b"PK\x01\x02") + 8, b"\x01"))[0].encrypted


ONE = zipped(5)
END, DIRECTORY = ONE.index(b"PK\x05\x06"), ONE.index(b"PK\x01\x02")
BROKEN = {
    "empty": b"",
    "short": b"PK\x03\x04",
    "no end": ONE[:-1],
    "something behind it": ONE + b"\0",
    "comment, in which another end can hide": zipped(5, comment=b"comment"),
    "directory elsewhere": changed(ONE, END + 16, struct.pack("<L", DIRECTORY - 1)),
    "longer directory": changed(ONE, END + 12, struct.pack("<L", END - DIRECTORY + 1)),
    "something before it": b"\0" * 4 + ONE,
    "fewer entries": changed(ONE, END + 10, b"\0"),
    "more entries": changed(ONE, END + 10, b"\2"),
    "no entry": changed(ONE, DIRECTORY, b"PK\x01\x03"),
    "size in a field that is not there": changed(ONE, DIRECTORY + 24, b"\xff" * 4),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_directory_that_readers_could_read_otherwise_is_refused(data):
    with pytest.raises(BadDirectory):
        told(data)


@pytest.mark.parametrize("changed_part", [8, 24, 32, 40, 48, 64], ids=str)
def test_end_records_of_zip64_that_contradict_each_other_are_refused(changed_part):
    stream = io.BytesIO()
    torch.save({"w": torch.zeros(9)}, stream)  # torch writes them always
    data = stream.getvalue()
    end = data.index(b"PK\x06\x06")
    assert told(data)
    with pytest.raises(BadDirectory):
        told(changed(data, end + changed_part, b"\x77"))
