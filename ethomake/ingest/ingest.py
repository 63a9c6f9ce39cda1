"""Ingest of a video: decode it once, exactly, and write the frame store and the manifest."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.files import remove, write_npy, write_text, write_whole
from ethomake.ingest.changes import Change, find_aspect_change, find_change
from ethomake.ingest.decode import Damage, Diagnosis, FrameStream, View, content_box, diagnose, marked_frames
from ethomake.ingest.frames import FRAMES, INDEX, MANIFEST, FrameWriter, Planes
from ethomake.ingest.levels import WHITE, bit_depth, is_suspect, stretch, used_bits
from ethomake.ingest.probe import Source, probe
from ethomake.ingest.times import encode_steps, fill_unknown, find_gaps, frame_rate, is_constant
from ethomake.messages import NOTE, Progress, duration
from ethomake.sources import known_digest

logger = logging.getLogger(__name__)

_BUFFER = 1 << 20  # bytes of the write buffer
SHOWN = 3
"""The number of gaps in time that are told one by one."""


def ingest_video(
    source: str | Path,
    frames: str | Path,
    index: str | Path,
    manifest: str | Path,
    *,
    video: str,
    crop: Sequence[int] | None = None,
    image_size: Sequence[int] = (224, 224),
    keep_aspect: bool = True,
    jpeg_quality: int = 92,
    damaged: str = "refuse",
    bits: int | str = "auto",
    threads: int = 1,
) -> None:
    """Decode every frame of a video, crop and scale it, and write the frame store; the manifest last.

    Args:
        source: a video file that the bundled ffmpeg can read.
        frames: the frame file to write, `.../frames.mjpeg`.
        index: its offsets, `frames.npy` beside it.
        manifest: `video.json` beside it.
        video: the name of the video.
        crop: x, y, w, h in pixels of the picture as displayed (after the rotation in the file); None: all of it.
        image_size: height and width of the stored images, multiples of 32.
        keep_aspect: fit the picture into the image and pad with black; else stretch it. Pixels are taken as square.
        jpeg_quality: 1 to 100.
        damaged: "refuse" damaged files, or "mark": keep every good frame at its true position, repeat the previous
            good one (black, before the first) in place of the others and list them in the manifest.
        bits: bits of the camera's values, if the file has more of them: they are stretched, so that the highest becomes
            white. "auto": as many as in the file.
        threads: number of decoder threads; does not change the result.

    Raises:
        InputError: if the file cannot be read, is damaged and `damaged` is "refuse" or it cannot be marked, or if an
            argument does not fit it.
    """
    source, manifest = Path(source), Path(manifest)
    names = {Path(frames).name: FRAMES, Path(index).name: INDEX, manifest.name: MANIFEST}
    folders = {Path(path).parent for path in (frames, index, manifest)}
    if any(is_ != must for is_, must in names.items()) or len(names) < 3 or len(folders) != 1:
        raise ValueError(f"a frame store is {FRAMES}, {INDEX} and {MANIFEST} in one folder")
    remove(manifest)  # it must not outlive the frames it describes

    origin = probe(source)
    box = _check_crop(crop, origin, video)
    size = (box[3], box[2]) if box else (origin.height, origin.width)
    content = content_box(size, (image_size[0], image_size[1]), keep_aspect)
    depth = bit_depth(origin.pixel_format)
    levels = stretch(depth, None if bits == "auto" else int(bits))
    view = View(box, (content[3], content[2]), levels)
    logger.info(f"{video}: {origin.codec}, {origin.width}x{origin.height}, {origin.packets} frames")

    diagnosis = None
    try:
        if origin.damage:
            raise Damage(origin.damage)
        stream = FrameStream(origin, view, strict=True, threads=threads)
        images = _watch_levels(_unchanged(stream, video, box is not None), origin, depth, levels, video)
        writer = _write_frames(images, origin.packets, frames, view, video, jpeg_quality)
        ticks = stream.ticks
    except Damage as damage:
        diagnosis = diagnose(origin, str(damage)) if damaged == "mark" else None
        if diagnosis is None:
            raise InputError(_refusal(origin, str(damage))) from None
        _report(video, origin, diagnosis, str(damage))
        _tell_change(find_change(origin), origin, video, box is not None)
        marked = _watch_levels(marked_frames(origin, view, diagnosis), origin, depth, levels, video)
        writer = _write_frames(marked, len(diagnosis.good), frames, view, video, jpeg_quality)
        ticks = diagnosis.ticks
    offsets = writer.offsets
    write_npy(index, offsets)

    ticks = fill_unknown(ticks, float(1 / (origin.nominal_rate * origin.time_base)))
    _tell_times(video, origin, ticks)
    mean, std = writer.statistics()
    facts = {
        "video": video,
        "source": {"name": source.name, "bytes": source.stat().st_size, "digest": known_digest(source)},
        "codec": origin.codec,
        "pixel_format": origin.pixel_format,
        "source_size": [origin.height, origin.width],
        "crop": list(box) if box else None,
        "frames": len(offsets) - 1,
        "fps": frame_rate(ticks, origin.time_base, origin.nominal_rate),
        "constant_rate": is_constant(ticks),
        **({"rate_assumed": True} if origin.assumed else {}),
        "timestamps": {
            "time_base": list(origin.time_base.as_integer_ratio()),
            "first": int(ticks[0]),
            "steps": encode_steps(ticks),
        },
        "image_size": list(image_size),
        "keep_aspect": keep_aspect,
        "content_box": list(content),
        "channel_mean": mean,
        "channel_std": std,
        "damaged": diagnosis.damaged if diagnosis else [],
        "frames_digest": writer.digest,
        "jpeg_quality": jpeg_quality,
    }
    # One line per key: the time stamps of an hour at a variable rate would fill as many lines as there are frames.
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    write_text(manifest, "{\n" + ",\n".join(lines) + "\n}\n")


def _unchanged(stream: FrameStream, video: str, cropped: bool) -> Iterator[Planes]:
    """Yield the frames of a video; see at the end whether its picture has changed on the way."""
    yield from stream
    change = find_change(stream.source) if stream.reconfigured else None
    _tell_change(change or find_aspect_change(stream.source), stream.source, video, cropped)


def _watch_levels(
    images: Iterable[Planes | None], origin: Source, depth: int, levels: str, video: str
) -> Iterator[Planes | None]:
    """Yield the frames of a video; at the end, warn if its grey levels are a small part of what the file can hold."""
    brightest, white, frames = 0, 0.0, 0
    for image in images:
        if image is not None and depth > 8:
            brightest = max(brightest, int(image.luma.max()))
            white += float((image.luma >= WHITE).mean())
            frames += 1
        yield image
    if levels and white > frames / 2:
        logger.warning(
            f"{video}: most of the picture is white: its values have more bits than ingest.bits says; correct that, or "
            "convert this video"
        )
    used = used_bits(brightest, depth)
    if not levels and used and is_suspect(origin.pixel_format, depth):
        logger.warning(
            f"{video}: nearly black: its brightest grey level is {brightest} of 255, as if a camera of {used} bits had "
            f"written into {depth}; set ingest.bits: {used}, or the bits of your camera, which stretches the levels of "
            "all videos alike"
        )


def _tell_change(change: Change | None, origin: Source, video: str, cropped: bool) -> None:
    """Warn of a picture that changes on the way.

    Raises:
        InputError: if it is cropped.
    """
    if change is None:
        return
    what = f"the picture changes on the way: {change.before}, and {change.after} from frame {change.frame} on"
    if cropped:
        raise InputError(
            f"{origin.path}: {what}, where the crop of {video} would show another place; cut the video there into two "
            "(rows of their own, each with its crop), or leave the crop empty"
        )
    logger.warning(
        f"{video}: {what}; these frames are stretched to the shape of the first, cut the video there into two"
    )


def _tell_times(video: str, origin: Source, ticks: np.ndarray) -> None:
    """Say if the rate is not known, and where nothing was filmed for long."""
    if origin.assumed:
        logger.log(
            NOTE,
            f"{video}: {origin.path.name} does not say its frame rate, so {origin.nominal_rate:g} per second are "
            "assumed, and all seconds depend on it; give the true one in the column rate of the video table",
        )
    gaps = find_gaps(ticks, origin.time_base)
    seconds = np.diff(ticks)[gaps] * float(origin.time_base)
    if len(back := gaps[seconds < 0]):
        places = ", ".join(str(frame) for frame in back[:SHOWN]) + (", ..." if len(back) > SHOWN else "")
        logger.warning(f"{video}: its time stamps go back after frame {places}; bouts end there, and time goes on")
    gaps, seconds = gaps[seconds > 0], seconds[seconds > 0]
    told = [f"for {length:.3g} s after frame {frame}" for frame, length in zip(gaps[:SHOWN], seconds, strict=False)]
    if len(gaps) > SHOWN:
        told.append(f"{len(gaps) - SHOWN} more times, for {duration(float(seconds.sum()))} in all")
    if told:
        logger.warning(f"{video}: no frames {', '.join(told)}; bouts end there, and shares are those of filmed time")


def _write_frames(
    images: Iterable[Planes | None], total: int, path: str | Path, view: View, video: str, quality: int
) -> FrameWriter:
    """Write the frame file atomically; None stands for a frame that is not good."""
    progress = Progress(total, f"ingest {video}", "frame")
    with write_whole(path) as part, part.open("wb", _BUFFER) as file, progress:
        writer = FrameWriter(file, quality, total)
        for image in images:
            if image is None:
                writer.fill(view.size)
            else:
                writer.append(image)
            progress.advance()
    return writer


def _check_crop(crop: Sequence[int] | None, origin: Source, video: str) -> tuple[int, int, int, int] | None:
    if crop is None:
        return None
    given = ",".join(str(value) for value in crop)
    if len(crop) != 4 or any(int(value) != value for value in crop):
        raise InputError(f"{video}: crop {given}: give four whole numbers x,y,w,h")
    x, y, w, h = (int(value) for value in crop)
    if min(x, y) < 0 or min(w, h) < 1 or x + w > origin.width or y + h > origin.height:
        size = f"{origin.width}x{origin.height}"
        raise InputError(
            f"{video}: crop {given} (x,y,w,h) is not inside the picture of {origin.path.name}, {size}; correct the crop"
        )
    return x, y, w, h


def _refusal(origin: Source, damage: str) -> str:
    try:
        diagnosis = diagnose(origin, damage)
        counts = f"{diagnosis.decoded} of {diagnosis.expected} frames can be decoded"
        lost = len(diagnosis.good) - diagnosis.expected
        counts += f", {lost} more are lost" if lost else ""
        remedy = "set ingest.damaged: mark to keep the good ones at their places, or re-encode it"
    except InputError as error:  # cannot be marked; it says why
        return str(error)
    return f"{origin.path}: damaged ({damage}): {counts}; {remedy}"


def _report(video: str, origin: Source, diagnosis: Diagnosis, damage: str) -> None:
    bad = int((~diagnosis.good).sum())
    end = "; frames after the end of the file are unknown" if origin.tail_lost else ""
    logger.warning(f"{video}: damaged ({damage}): {bad} of {len(diagnosis.good)} frames are marked as damaged{end}")
