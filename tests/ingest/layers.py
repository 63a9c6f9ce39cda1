"""AV1 with two spatial layers, which encoders for video calls write and none of ffmpeg can.

Both layers are of one size here, which the standard allows; a decoder shows the upper one.
"""

from collections.abc import Iterator

DELIMITER, SEQUENCE = 2, 1  # types of units


def join_layers(stream: bytes) -> bytes:
    """Return an AV1 stream of half as many frames: of two in a row, the first is the lower layer of the second.

    Args:
        stream: open bitstream units with sizes; its sequence headers have no timing, one operating point.
    """
    joined, frame = b"", -1
    for kind, body in _units(stream):
        if kind == DELIMITER:
            frame += 1
            joined += _unit(kind, b"") if frame % 2 == 0 else b""
        elif kind == SEQUENCE:  # the 12 bits from the 13th on say which layers there are: 0 and 1, of time 0
            value = int.from_bytes(body, "big") | 0b0011_0000_0001 << (8 * len(body) - 24)
            joined += _unit(kind, value.to_bytes(len(body), "big"))
        else:
            joined += _unit(kind, body, layer=frame % 2)
    return joined


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of each unit."""
    at = 0
    while at < len(stream):
        kind, size, shift = stream[at] >> 3 & 15, 0, 0
        at += 1
        while True:
            size |= (stream[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if stream[at - 1] < 128:
                break
        yield kind, stream[at : at + size]
        at += size


def _unit(kind: int, body: bytes, layer: int | None = None) -> bytes:
    """Return a unit, with the number of its layer if it has one."""
    size, rest = bytearray(), len(body)
    while rest >= 128:
        size.append(rest & 127 | 128)
        rest >>= 7
    size.append(rest)
    extension = b"" if layer is None else bytes([layer << 3])
    return bytes([kind << 3 | (layer is not None) << 2 | 2]) + extension + bytes(size) + body
