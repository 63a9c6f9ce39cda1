"""The frame store: all frames of a video as concatenated JPEGs, and their offsets.

`frames.mjpeg` is a plain MJPEG stream (players and browsers show it) of the pictures without the black borders,
`frames.npy` the int64 (T+1,) byte offsets, `video.json` the manifest. Each frame is read and decoded on its own, with
the same result as in a sequential pass. Chosen by measurement: benchmarks/frame_store.py.
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
    import torch  # only reading needs it; without this import, writing starts in a tenth of the time

FRAMES, INDEX, MANIFEST = "frames.mjpeg", "frames.npy", "video.json"
PLACES = "track.npy"
ROWS = 256  # the sum of the squares of so many 8-bit values is below 2**24: exact in float32
LOOKED_AT = 256  # minimum number of frames for a video's statistics; all, if it has no more


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
        """Return whether the frame has no color, as with infrared cameras."""
        return self.blue.tobytes() == self.red.tobytes() == b"\x80" * self.blue.size

    @classmethod
    def of(cls, values: np.ndarray, size: tuple[int, int]) -> "Planes":
        """Return views of concatenated planes, (H * W * 3 / 2,); `size` is height, width."""
        height, width = size
        pixels, colors = height * width, height * width // 4
        luma, blue, red = np.split(values, [pixels, pixels + colors])
        half = (height // 2, width // 2)
        return cls(luma.reshape(size), blue.reshape(half), red.reshape(half))

    @classmethod
    def black(cls, size: tuple[int, int]) -> "Planes":
        """Return a black frame; `size` is height, width."""
        height, width = size
        values = np.zeros(height * width * 3 // 2, np.uint8)
        values[height * width :] = 128
        return cls.of(values, size)


class FrameStore:
    """Exact random access to the frames of an ingested video.

    Cheap to create and to pickle: a worker process opens the file itself when it first reads.

    Args:
        manifest_path: the video.json written by ingest; the other two files are beside it.

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
        """Return the JPEG bytes of frame `index`: the picture alone, as large as the content box.

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
        """Return the frames `indices` in this order, repeats allowed: torch.uint8 (n, 3, H, W), RGB, black borders.

        Args:
            device: a CUDA device decodes frames without color itself, within about two grey levels of the CPU, if
                torchvision supports it; all other frames are decoded on the CPU and returned there.
            threads: number of CPU threads.

        Raises:
            IndexError: if there is no such frame.
            InputError: if a frame is truncated or no longer a JPEG.
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
                reason = f"frame {int(indices[place])} is not a valid JPEG ({error})"
                raise InputError(f"{self._frames}: {reason}; delete the folder and run ingest again") from None

        with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
            deque((pool.map if pool else map)(decode, range(len(jpegs))), maxlen=0)
        return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()  # the fastest layout for later steps

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
    """Appends frames to a frame file and tracks offsets, digest and channel statistics.

    The statistics come from frames as they will be read: from `LOOKED_AT` to twice as many, evenly spread, or from all
    if there are fewer.

    Args:
        file: opened for writing bytes.
        quality: quality of the JPEGs, 1 to 100.
        total: expected number of frames.
    """

    def __init__(self, file: BinaryIO, quality: int, total: int):
        self.file, self.quality = file, quality
        self._every = max(1, total // LOOKED_AT)
        self._good = 0
        self._offsets = array("q", [0])
        self._digest = hashlib.sha256()
        self._sum = np.zeros((1, 3))  # per column; float64 holds integers exactly up to 2**53
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
        # Exact, so that the order of summation does not matter; int64 would take thirty times as long.
        for row in range(0, len(picture), ROWS):
            values = picture[row : row + ROWS].astype(np.float32)
            self._sum = self._sum + values.sum(axis=0)
            self._squares = self._squares + np.square(values, out=values).sum(axis=0)
        self._pixels += picture.shape[0] * picture.shape[1]

    def fill(self, size: tuple[int, int]) -> None:
        """Repeat the previous good frame in place of a damaged one; if there is none, black of `size` (h, w)."""
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
        """Return the offset of each frame, and the end of the last: int64 (T+1,)."""
        return np.array(self._offsets, dtype=np.int64)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the bytes written."""
        return "sha256:" + self._digest.hexdigest()

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation per channel, of values 0 to 1; zeros and ones if there was no frame."""
        if not self._pixels:
            return [0.0] * 3, [1.0] * 3
        mean = self._sum.sum(axis=0) / self._pixels
        variance = (self._squares.sum(axis=0) / self._pixels - mean**2).clip(min=0)
        return _rounded(mean / 255), _rounded(np.sqrt(variance) / 255)


def _decode_on_gpu(
    jpegs: "list[bytearray]", device: "torch.device | str", border: tuple[int, int, int, int]
) -> "torch.Tensor | None":
    """Decode pictures without color as `read` does; return None if the device cannot, or if one has color.

    `border` is the width of the black borders: left, right, top, bottom.

    Frames with color are left to the CPU: NVIDIA's decoder replicates chroma where the CPU's interpolates it. At edges
    they differ by dozens of grey levels, and networks would not see what they were trained on.
    """
    import torch

    try:
        if not jpegs or any(simplejpeg.decode_jpeg_header(jpeg)[2] != "Gray" for jpeg in jpegs):
            return None
        from torchvision.io import ImageReadMode, decode_jpeg

        data = [torch.frombuffer(jpeg, dtype=torch.uint8) for jpeg in jpegs]
        # It writes on its own CUDA stream, which waits for no other, and may be given memory that pending work on this
        # stream still reads (see github.com/pytorch/vision/issues/9606). So finish that work first.
        torch.cuda.current_stream(device).synchronize()
        pictures = torch.stack(list(decode_jpeg(data, mode=ImageReadMode.GRAY, device=device)))
        return torch.nn.functional.pad(pictures, border).expand(-1, 3, -1, -1).contiguous()
    except (ImportError, RuntimeError, ValueError):  # not supported; no memory; no JPEG, which the CPU will report
        return None


def _encode(frame: Planes, quality: int) -> bytes:
    if frame.colorless:  # decodes to the same frame, faster, and takes 10 % less space
        return simplejpeg.encode_jpeg(frame.luma[..., None], quality, colorspace="GRAY", colorsubsampling="GRAY")
    return simplejpeg.encode_jpeg_yuv_planes(*frame, quality=quality)


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 8) for value in values]
