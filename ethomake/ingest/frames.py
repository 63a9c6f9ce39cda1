"""The frame store: all frames of a video as JPEGs, one after another, and where each begins.

`frames.mjpeg` is a plain MJPEG stream (players and browsers show it) of the pictures without the black around them,
`frames.npy` the int64 (T+1,) byte offsets, `video.json` the manifest. Any frame is read and decoded by itself, the same
bits as in a sequential pass. Chosen by measurement: benchmarks/frame_store.py.
"""

import hashlib
import os
from array import array
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import simplejpeg

from ethomake.errors import InputError
from ethomake.files import file_digest, read_json

if TYPE_CHECKING:
    import torch  # whoever reads frames needs it; who writes them starts in a tenth of the time without

FRAMES, INDEX, MANIFEST = "frames.mjpeg", "frames.npy", "video.json"
ROWS = 256  # of squares of 8 bits; the sum of so many is below 2**24: exact in float32
LOOKED_AT = 256  # frames, at least, that a video's statistics are of; all, where it has no more


class Planes(NamedTuple):
    """A frame as a JPEG stores it, uint8: brightness, and colors at half the resolution (BT.601, full range).

    Attributes:
        luma: (H, W); both even.
        blue, red: (H / 2, W / 2); 128 is no color.
    """

    luma: np.ndarray
    blue: np.ndarray
    red: np.ndarray

    @property
    def colorless(self) -> bool:
        """Whether there is only brightness, as infrared cameras film."""
        return self.blue.tobytes() == self.red.tobytes() == b"\x80" * self.blue.size

    @classmethod
    def of(cls, values: np.ndarray, size: tuple[int, int]) -> "Planes":
        """Views of values that lie one plane after another, (H * W * 3 / 2,); `size` is height, width."""
        height, width = size
        pixels, colors = height * width, height * width // 4
        luma, blue, red = np.split(values, [pixels, pixels + colors])
        half = (height // 2, width // 2)
        return cls(luma.reshape(size), blue.reshape(half), red.reshape(half))

    @classmethod
    def black(cls, size: tuple[int, int]) -> "Planes":
        """A black frame; `size` is height, width."""
        height, width = size
        values = np.zeros(height * width * 3 // 2, np.uint8)
        values[height * width :] = 128
        return cls.of(values, size)


class FrameStore:
    """Exact random access to the frames of an ingested video.

    Cheap to make and to pickle: a worker process opens the file for itself when it first reads.

    Args:
        manifest_path: the video.json that ingest wrote; the other two files lie beside it.

    Raises:
        InputError: if a file is missing or the three do not belong together.
    """

    def __init__(self, manifest_path: str | Path):
        self.path = Path(manifest_path)
        self.manifest: dict[str, Any] = read_json(self.path)
        self.height, self.width = self.manifest["image_size"]
        self._box = self.manifest["content_box"]
        self._frames = self.path.with_name(FRAMES)
        self._file: int | None = None
        again = "delete the folder and run ingest again"
        try:
            self._offsets = np.load(self.path.with_name(INDEX), allow_pickle=False)
            size = self._frames.stat().st_size
        except FileNotFoundError as error:
            raise InputError(f"{error.filename}: missing beside {self.path.name}; {again}") from None
        except (ValueError, EOFError) as error:
            raise InputError(f"{self.path.with_name(INDEX)}: not readable ({error}); {again}") from None
        count = self.manifest["frames"]
        if self._offsets.shape != (count + 1,):
            has = f"{len(self._offsets) - 1} frames, {self.path.name} says {count}"
            raise InputError(f"{self.path.with_name(INDEX)}: has {has}; {again}")
        if self._offsets[-1] != size:
            raise InputError(f"{self._frames}: has {size} bytes, its index says {self._offsets[-1]}; {again}")

    def __len__(self) -> int:
        return self.manifest["frames"]

    def jpeg(self, index: int) -> bytes:
        """The JPEG bytes of frame `index`: the picture alone, as large as the content box.

        Raises:
            IndexError: if there is no such frame (negative indices do not count from the end).
        """
        return bytes(self._bytes(index))

    def read(
        self,
        indices: "Sequence[int] | np.ndarray | torch.Tensor",
        device: "torch.device | str" = "cpu",
        threads: int = 1,
    ) -> "torch.Tensor":
        """The frames `indices`, in the order given, repeats allowed: torch.uint8 (n, 3, H, W), RGB, black around.

        Args:
            device: a CUDA device decodes frames without color by itself, within two grey levels or so of the CPU,
                where torchvision was built for that; all others come from the CPU and lie there.
            threads: of the CPU.

        Raises:
            IndexError: if there is no such frame.
            InputError: if a frame is cut short or no JPEG any more.
        """
        import torch

        jpegs = [self._bytes(int(index)) for index in indices]
        x, y, w, h = self._box
        border = (x, self.width - x - w, y, self.height - y - h)
        if torch.device(device).type == "cuda" and (images := _decode_on_gpu(jpegs, device, border)) is not None:
            return images
        frames = np.zeros((len(jpegs), self.height, self.width, 3), np.uint8)

        def decode(place: int) -> None:
            picture = frames[place, y : y + h, x : x + w]
            try:
                if picture.flags.c_contiguous:
                    simplejpeg.decode_jpeg(jpegs[place], buffer=picture)
                else:
                    picture[:] = simplejpeg.decode_jpeg(jpegs[place])
            except ValueError as error:
                reason = f"frame {int(indices[place])} is no JPEG any more ({error})"
                raise InputError(f"{self._frames}: {reason}; delete the folder and run ingest again") from None

        with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
            deque((pool.map if pool else map)(decode, range(len(jpegs))), maxlen=0)
        return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()  # as all that computes with them is fastest

    def verify(self) -> None:
        """Compare the whole frame file with its digest.

        Raises:
            InputError: if they differ.
        """
        if file_digest(self._frames) != self.manifest["frames_digest"]:
            raise InputError(f"{self._frames}: changed since ingest; delete the folder and run ingest again")

    def _bytes(self, index: int) -> bytearray:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path}: there is no frame {index}; there are {len(self)}")
        if self._file is None:
            self._file = os.open(self._frames, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        start, stop = int(self._offsets[index]), int(self._offsets[index + 1])
        data = bytearray(os.pread(self._file, stop - start, start))
        if len(data) != stop - start:
            raise InputError(f"{self._frames}: frame {index} is cut short; delete the folder and run ingest again")
        return data

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def __del__(self):
        file = getattr(self, "_file", None)
        if file is not None:
            os.close(file)


class FrameWriter:
    """Appends frames to a frame file and keeps count: offsets, digest, channel statistics.

    The statistics are of frames as they will be read: of `LOOKED_AT` or up to twice as many, evenly spread, where there
    are so many.

    Args:
        file: opened for writing bytes.
        quality: of the JPEGs, 1 to 100.
        total: how many frames there will be.
    """

    def __init__(self, file: BinaryIO, quality: int, total: int):
        self.file, self.quality = file, quality
        self._every = max(1, total // LOOKED_AT)
        self._good = 0
        self._offsets = array("q", [0])
        self._digest = hashlib.sha256()
        self._sum = np.zeros((1, 3))  # of each column; float64, in which whole numbers are exact up to 2**53
        self._squares = np.zeros((1, 3))
        self._pixels = 0
        self._last: bytes | None = None

    def append(self, frame: Planes) -> None:
        """Add a frame."""
        self._write(_encode(frame, self.quality))
        if self._good % self._every == 0:
            space = "GRAY" if frame.colorless else "RGB"  # all three channels are the same then
            self._look_at(simplejpeg.decode_jpeg(self._last, space))
        self._good += 1

    def _look_at(self, picture: np.ndarray) -> None:
        # Exact, so that the order in which they are added does not matter; in int64 it would take thirty times as long.
        for row in range(0, len(picture), ROWS):
            values = picture[row : row + ROWS].astype(np.float32)
            self._sum = self._sum + values.sum(axis=0)
            self._squares = self._squares + np.square(values, out=values).sum(axis=0)
        self._pixels += picture.shape[0] * picture.shape[1]

    def fill(self, size: tuple[int, int]) -> None:
        """Put the previous good frame in the place of a damaged one; where there is none, black of `size` (h, w)."""
        if self._last is None:
            self._last = _encode(Planes.black(size), self.quality)
        self._write(self._last)

    def _write(self, data: bytes) -> None:
        self._last = data
        self.file.write(data)
        self._digest.update(data)
        self._offsets.append(self._offsets[-1] + len(data))

    @property
    def offsets(self) -> np.ndarray:
        """Where each frame begins, and the end: int64 (T+1,)."""
        return np.array(self._offsets, dtype=np.int64)

    @property
    def digest(self) -> str:
        """SHA-256 of what was written."""
        return "sha256:" + self._digest.hexdigest()

    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each channel, of values 0 to 1; zeros and ones where there was no frame."""
        if not self._pixels:
            return [0.0] * 3, [1.0] * 3
        mean = self._sum.sum(axis=0) / self._pixels
        variance = (self._squares.sum(axis=0) / self._pixels - mean**2).clip(min=0)
        return _rounded(mean / 255), _rounded(np.sqrt(variance) / 255)


def _decode_on_gpu(
    jpegs: "list[bytearray]", device: "torch.device | str", border: tuple[int, int, int, int]
) -> "torch.Tensor | None":
    """Images of pictures without color, as `read` gives them; None where the device can't, or where one has color.

    `border` is the black to the left, right, above and below.

    NVIDIA's decoder repeats colors where that of the CPU smooths them: at edges they differ by dozens of grey levels,
    and networks would not see what they were trained on.
    """
    import torch

    try:
        if not jpegs or any(simplejpeg.decode_jpeg_header(jpeg)[2] != "Gray" for jpeg in jpegs):
            return None
        from torchvision.io import ImageReadMode, decode_jpeg

        data = [torch.frombuffer(jpeg, dtype=torch.uint8) for jpeg in jpegs]
        # It writes on a stream of its own that waits for no other, and may be given memory that work still to be done
        # here reads (seen by others: github.com/pytorch/vision/issues/9606). So that is done first.
        torch.cuda.current_stream(device).synchronize()
        pictures = torch.stack(list(decode_jpeg(data, mode=ImageReadMode.GRAY, device=device)))
        return torch.nn.functional.pad(pictures, border).expand(-1, 3, -1, -1).contiguous()
    except (ImportError, RuntimeError, ValueError):  # not built for it; no memory; no JPEG, which the CPU will tell
        return None


def _encode(frame: Planes, quality: int) -> bytes:
    if frame.colorless:  # decoded it is the same, and takes less time and a tenth less room
        return simplejpeg.encode_jpeg(frame.luma[..., None], quality, colorspace="GRAY", colorsubsampling="GRAY")
    return simplejpeg.encode_jpeg_yuv_planes(*frame, quality=quality)


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 8) for value in values]
