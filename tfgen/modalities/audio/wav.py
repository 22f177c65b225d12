"""WAV files of 16 bits that carry what is said of a sound, in the chunk that other programs show as comments."""

import io
import json
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np

_PEAK = 32767
# A length from here on is a stream's, which nobody knew: sox writes 0x7FFFF000, GStreamer and arecord some 2**31,
# ffmpeg 2**32 - 1.
_OF_A_STREAM = 2**31 - 2**16
_MOST_CHUNKS = 1000
_COMMENT, _SOFTWARE, _TITLE = b"ICMT", b"ISFT", b"INAM"


def wav_of(samples: np.ndarray, rate: int, metadata: Mapping[str, str]) -> bytes:
    """Samples float [n] from -1 to 1 as a WAV file; what is outside is clipped."""
    values = np.rint(np.clip(np.nan_to_num(samples), -1.0, 1.0) * _PEAK).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    said = {_COMMENT: json.dumps(dict(metadata), ensure_ascii=False)} if metadata else {}
    said |= {code: metadata[name] for code, name in ((_SOFTWARE, "Software"), (_TITLE, "prompt")) if metadata.get(name)}
    comments = b"".join(_chunk(code, text.encode() + b"\0") for code, text in said.items())
    chunks = [_chunk(b"fmt ", form), *([_chunk(b"LIST", b"INFO" + comments)] if said else []), _chunk(b"data", values)]
    return _chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def samples_of(content: bytes) -> tuple[np.ndarray, int]:
    """Samples float32 [n] from -1 to 1 of a WAV file of one channel and 16 bits, and how many a second. Raises
    ValueError where it is none."""
    chunks = dict(_chunks_of(content))
    if b"fmt " not in chunks or b"data" not in chunks:
        raise ValueError("no WAV file")
    try:
        kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    except struct.error as error:
        raise ValueError("a WAV file that is cut off") from error
    if (kind, channels, bits) != (1, 1, 16):
        raise ValueError("a WAV file of another kind")
    data = chunks[b"data"]
    return np.frombuffer(data[:len(data) // 2 * 2], "<i2").astype(np.float32) / _PEAK, rate


def metadata_of(content: bytes) -> dict[str, str]:
    """What `wav_of` wrote beside the samples. Raises ValueError where there is nothing of the sort."""
    for code, body in _chunks_of(content):
        if code == b"LIST" and body[:4] == b"INFO":
            for inner, text in _chunks(io.BytesIO(body[4:])):
                if inner == _COMMENT:
                    found = json.loads(text.rstrip(b"\0").decode())
                    if isinstance(found, dict):
                        return {str(key): str(value) for key, value in found.items()}
    raise ValueError("it says nothing of how it was made")


def ends_early(file: BinaryIO, size: int) -> bool:
    """Whether a WAV file of `size` bytes lacks samples that it says it has: by the length of its data, since that of
    all is often wrong."""
    begin = file.read(12)
    if begin[:4] != b"RIFF" or begin[8:12] != b"WAVE":
        return False
    data = _data_of(file, size)
    place, said = data if data else (8, struct.unpack("<I", begin[4:8])[0])
    return said < _OF_A_STREAM and place + said > size + 1


def counted(file: BinaryIO, size: int, most: int) -> io.BytesIO | None:
    """A WAV file whose header counts no samples, though there are some, with at most `most` bytes of them counted;
    None of any other. A program that was ended before it knew the length leaves such a file."""
    begin = file.read(12)
    data = _data_of(file, size) if begin[:4] == b"RIFF" and begin[8:12] == b"WAVE" else None
    if data is None or data[1] or size <= data[0]:
        return None
    place = data[0]
    file.seek(place)
    if all(32 <= each < 127 for each in file.read(4)) and _is_chunk(file.read(4), size - place - 8):
        return None  # there is no sample: another chunk follows
    file.seek(0)
    content = bytearray(file.read(place + most))
    content[4:8], content[place - 4:place] = (struct.pack("<I", len(content) - each) for each in (8, place))
    return io.BytesIO(content)


def _is_chunk(length: bytes, left: int) -> bool:
    return len(length) == 4 and struct.unpack("<I", length)[0] <= left


def _data_of(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Where the samples of a WAV file begin whose first chunk comes next, and how many bytes they are said to be."""
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        length = struct.unpack("<I", head[4:])[0]
        if head[:4] == b"data":
            return file.tell(), length
        file.seek(min(size, file.tell() + length + length % 2))
    return None


def _chunk(code: bytes, body: bytes) -> bytes:
    return code + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _chunks_of(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    file = io.BytesIO(content)
    if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
        raise ValueError("no WAV file")
    return _chunks(file)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while len(head := file.read(8)) == 8:
        length = struct.unpack("<I", head[4:])[0]
        yield head[:4], file.read(length)
        file.read(length % 2)
