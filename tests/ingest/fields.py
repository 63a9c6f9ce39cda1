"""Writers of videos whose frames are coded as two fields, as camcorders do and no encoder of ffmpeg can.

Frame n, of 64x32 pixels, shows its number in the upper half, as in conftest.py, and nothing below. Both codecs are used
in the simplest way: blocks of a single value (MPEG-2), or uncompressed (H.264, I_PCM).
"""

import numpy as np

HEIGHT, WIDTH, BITS = 32, 64, 8


class Bits:
    """A bit stream."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, width: int, value: int) -> "Bits":
        """Append a number of `width` bits."""
        self.text += format(value, f"0{width}b") if width else ""
        return self

    def ue(self, value: int) -> "Bits":
        """Append a number as an Exp-Golomb code."""
        return self.u(2 * (value + 1).bit_length() - 1, value + 1)

    def align(self, bit: str = "0") -> "Bits":
        """Append bits up to the next byte."""
        self.text += bit * (-len(self.text) % 8)
        return self

    def pack(self) -> bytes:
        """Return the bytes."""
        self.align()
        return int(self.text, 2).to_bytes(len(self.text) // 8, "big") if self.text else b""


def draw_field(number: int) -> np.ndarray:
    """Return a field of frame `number`, uint8 (16, 64)."""
    field = np.full((HEIGHT // 2, WIDTH), 60, np.uint8)
    field[: HEIGHT // 4] = np.repeat(((number >> np.arange(BITS)) & 1) * 160 + 40, WIDTH // BITS)
    return field


def _unit(kind: int, reference: int, bits: Bits) -> bytes:
    bits.u(1, 1)  # stop bit
    body = bytearray()
    for byte in bytes([reference << 5 | kind]) + bits.pack():
        if byte <= 3 and body[-2:] == b"\0\0":
            body.append(3)  # so that no start code appears
        body.append(byte)
    return b"\0\0\0\1" + bytes(body)


def write_h264(numbers: range, *, lone: int | None = None, whole: range = range(0)) -> bytes:
    """Return an H.264 stream (PAFF) of frames of two fields each.

    Args:
        numbers: what the frames show.
        lone: the frame that has no second field.
        whole: frames that are coded as frames.
    """
    sequence = Bits().u(8, 77).u(8, 0).u(8, 30).ue(0).ue(0).ue(2).ue(1).u(1, 0)
    sequence.ue(WIDTH // 16 - 1).ue(HEIGHT // 32 - 1).u(1, 0).u(1, 0).u(1, 1).u(1, 0).u(1, 0)
    picture = Bits().ue(0).ue(0).u(1, 0).u(1, 0).ue(0).ue(0).ue(0).u(1, 0).u(2, 0).ue(0).ue(0).ue(0)
    picture.u(1, 1).u(1, 0).u(1, 0)
    stream = b""
    for n, number in enumerate(numbers):
        idr = n % 20 == 0
        stream += _unit(9, 0, Bits().u(3, 0))
        stream += _unit(7, 3, _copy(sequence)) + _unit(8, 3, _copy(picture)) if idr else b""
        fields = 1 if number == lone or number in whole else 2
        for bottom in range(fields):
            slice_ = Bits().ue(0).ue(7).ue(0).u(4, n % 20 % 16)
            slice_.u(1, int(number not in whole))
            if number not in whole:
                slice_.u(1, bottom)
            if idr and not bottom:
                slice_.ue(n // 20 % 2).u(2, 0)
            else:
                slice_.u(1, 0)
            slice_.ue(0).ue(1)  # quantizer, no deblocking
            pixels = draw_field(number)
            if number in whole:
                pixels = pixels.repeat(2, axis=0)
            for y in range(0, len(pixels), 16):
                for x in range(0, WIDTH, 16):
                    slice_.ue(25).align()
                    block = pixels[y : y + 16, x : x + 16].tobytes() + bytes([128]) * 128
                    slice_.text += "".join(format(value, "08b") for value in block)
            stream += _unit(9, 0, Bits().u(3, 0)) if bottom else b""
            stream += _unit(5 if idr and not bottom else 1, 3, slice_)
    return stream


def _copy(bits: Bits) -> Bits:
    """Return a copy."""
    copy = Bits()
    copy.text = bits.text
    return copy


_SIZES = ("100", "00", "01", "101", "110", "1110", "11110", "111110", "1111110")


def write_mpeg2(numbers: range) -> bytes:
    """Return an MPEG-2 stream of frames of two fields each, 25 per second."""
    stream = b""
    for n, number in enumerate(numbers):
        if n % 10 == 0:
            head = Bits().u(12, WIDTH).u(12, HEIGHT).u(4, 1).u(4, 3).u(18, 2000).u(1, 1).u(10, 20).u(3, 0)
            more = Bits().u(4, 1).u(8, 0x48).u(1, 0).u(2, 1).u(4, 0).u(12, 0).u(1, 1).u(8, 0).u(1, 0).u(7, 0)
            group = Bits().u(25, 1 << 12).u(1, 1).u(1, 0)
            stream += b"\0\0\1\xb3" + head.pack() + b"\0\0\1\xb5" + more.pack() + b"\0\0\1\xb8" + group.pack()
        for parity in (1, 2):
            stream += b"\0\0\1\0" + Bits().u(10, n % 10).u(3, 1).u(16, 0xFFFF).u(1, 0).pack()
            coding = Bits().u(4, 8).u(16, 0xFFFF).u(2, 0).u(2, parity).u(10, 0)
            stream += b"\0\0\1\xb5" + coding.pack() + b"\0\0\1\1"
            slice_ = Bits().u(5, 1).u(1, 0)
            pixels, before = draw_field(number), 128
            for x in range(0, WIDTH, 16):
                slice_.text += "1" + "1"  # the next macroblock, intra
                for y, dx in ((0, 0), (0, 8), (8, 0), (8, 8)):
                    value = int(pixels[y, x + dx])
                    difference, before = value - before, value
                    size = abs(difference).bit_length()
                    slice_.text += _SIZES[size]
                    slice_.u(size, difference if difference > 0 else difference + 2**size - 1)
                    slice_.text += "10"
                slice_.text += ("00" + "10") * 2
            stream += slice_.pack()
    return stream
