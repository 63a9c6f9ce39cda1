"""Ingest of a video: decode it once, exactly, and write the frame store and the manifest."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ethomake.errors import InputError
from ethomake.files import remove, write_npy, write_text, write_whole
from ethomake.ingest.changes import Change, find_aspect_change, find_change
from ethomake.ingest.coding import group_pictures
from ethomake.ingest.decode import Damage, Diagnosis, FrameStream, View, content_box, diagnose, marked_frames, whole
from ethomake.ingest.frames import FRAMES, INDEX, MANIFEST, PLACES, FrameWriter, Planes
from ethomake.ingest.levels import WHITE, bit_depth, is_suspect, stretch, used_bits
from ethomake.ingest.probe import Source, probe
from ethomake.ingest.times import encode_steps, fill_unknown, find_gaps, frame_rate, is_constant
from ethomake.ingest.tracks.crops import Follower
from ethomake.ingest.tracks.follow import Track, follow, ranges
from ethomake.ingest.tracks.formats import read_poses
from ethomake.messages import NOTE, Progress, duration
from ethomake.sources import known_digest

logger = logging.getLogger(__name__)

_BUFFER = 1 << 20  # bytes of the write buffer
_MANY = 0.2  # share of frames without a track above which there is a warning
SHOWN = 3
"""The number of gaps in time that are told one by one."""


@dataclass(frozen=True)
class Row:
    """What is to be seen of a video file in one row of the video table, and where its frame store is written.

    Attributes:
        video: the name of the row.
        frames: the frame file, `.../frames.mjpeg`.
        index: its offsets, `frames.npy` beside it.
        manifest: `video.json` beside it.
        crop: x, y, w, h in pixels of the picture as displayed (after the rotation in the file); None: all of it.
        track: a track file that the picture follows; None: it does not move.
        animal: which of the animals in the track file; "": the only one.
    """

    video: str
    frames: str | Path
    index: str | Path
    manifest: str | Path
    crop: Sequence[int] | None = None
    track: str | Path | None = None
    animal: str = ""

    @property
    def places(self) -> Path:
        """Where the animal is, `track.npy` beside the manifest.

        float32 (T, 3): x, y (pixels) and heading (degrees), NaN in frames without a track; (0, 3) if the row has
        none.
        """
        return Path(self.manifest).with_name(PLACES)


@dataclass
class _Work:
    """A row while its frames are written."""

    row: Row
    view: View
    content: tuple[int, int, int, int]
    box: tuple[int, int, int, int] | None
    track: Track | None
    follower: Follower | None
    writer: FrameWriter


def ingest_video(
    source: str | Path,
    frames: str | Path,
    index: str | Path,
    manifest: str | Path,
    *,
    video: str,
    crop: Sequence[int] | None = None,
    track: str | Path | None = None,
    animal: str = "",
    **settings: Any,
) -> None:
    """Ingest one row: `ingest_videos` with this row alone."""
    row = Row(video, frames, index, manifest, crop, track or None, animal)
    ingest_videos(source, [row], **settings)


def ingest_videos(
    source: str | Path,
    rows: Sequence[Row],
    *,
    image_size: Sequence[int] = (224, 224),
    keep_aspect: bool = True,
    jpeg_quality: int = 92,
    damaged: str = "refuse",
    bits: int | str = "auto",
    following: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> None:
    """Decode every frame of a video file once, crop and scale it for each row, and write the frame stores.

    The manifests come last. A store has the same bytes whether its row is alone or one of several.

    Args:
        source: a video file that the bundled ffmpeg can read.
        rows: what to see of it.
        image_size: height and width of the stored images, multiples of 32.
        keep_aspect: fit the picture into the image and pad with black; else stretch it. Pixels are taken as square.
        jpeg_quality: 1 to 100.
        damaged: "refuse" damaged files, or "mark": keep every good frame at its true position, repeat the previous
            good one (black, before the first) in place of the others and list them in the manifest.
        bits: bits of the camera's values, if the file has more of them: they are stretched, so that the highest becomes
            white. "auto": as many as in the file.
        following: section `track` of the config; needed for rows with a track.
        threads: number of decoder threads; does not change the result.

    Raises:
        InputError: if the file cannot be read, is damaged and `damaged` is "refuse" or it cannot be marked, or if an
            argument or a track does not fit it.
    """
    source = Path(source)
    for row in rows:
        paths = [Path(path) for path in (row.frames, row.index, row.manifest)]
        if [path.name for path in paths] != [FRAMES, INDEX, MANIFEST] or len({path.parent for path in paths}) > 1:
            raise ValueError(f"a frame store is {FRAMES}, {INDEX} and {MANIFEST} in one folder")
        remove(row.manifest)  # it must not outlive the frames it describes

    origin = probe(source)
    depth = bit_depth(origin.pixel_format)
    levels = stretch(depth, None if bits == "auto" else int(bits))
    names = " and ".join(row.video for row in rows)
    logger.info(f"{names}: {origin.codec}, {origin.width}x{origin.height}, {origin.packets} frames")
    poses = {path: read_poses(path) for path in dict.fromkeys(row.track for row in rows if row.track)}

    def prepare(row: Row, file: BinaryIO, total: int) -> _Work:
        box = _check_crop(row.crop, origin, row.video)
        track = None
        if row.track:
            assert following is not None, "settings of the track"
            known = poses[row.track]
            rate = float(origin.nominal_rate)
            count = total if len(known) <= total else max(total, group_pictures(origin).packets)
            picture = (origin.height, origin.width)
            track = follow(known, row.animal, following, frames=count, rate=rate, size=picture, path=row.track)
        size = (track.side, track.side) if track else (box[3], box[2]) if box else (origin.height, origin.width)
        content = content_box(size, (image_size[0], image_size[1]), keep_aspect)
        picture = (content[3], content[2])
        view = whole(origin, levels) if track else View(box, picture, levels)
        follower = Follower(track, picture) if track else None
        return _Work(row, view, content, box, track, follower, FrameWriter(file, jpeg_quality, total))

    def write(total: int, decode: Callable[[list[View]], Iterable[list[Planes] | None]]) -> list[_Work]:
        with ExitStack() as stack:
            parts = [stack.enter_context(write_whole(row.frames)) for row in rows]
            files = [stack.enter_context(part.open("wb", _BUFFER)) for part in parts]
            works = [prepare(row, file, total) for row, file in zip(rows, files, strict=True)]
            views = list(dict.fromkeys(work.view for work in works))
            progress = stack.enter_context(Progress(total, f"ingest {names}", "frame"))
            for number, images in enumerate(_watch_levels(decode(views), origin, depth, levels, names)):
                for work in works:
                    _add(work, images[views.index(work.view)] if images is not None else None, number)
                progress.advance()
        return works

    framed = [row for row in rows if row.crop or row.track]
    diagnosis = None
    try:
        if origin.damage:
            raise Damage(origin.damage)
        streams: list[FrameStream] = []

        def decode(views: list[View]) -> Iterator[list[Planes]]:
            streams.append(FrameStream(origin, views, strict=True, threads=threads))
            return _unchanged(streams[-1], names, framed)

        works = write(origin.packets, decode)
        ticks = streams[-1].ticks
    except Damage as damage:
        found = diagnosis = diagnose(origin, str(damage)) if damaged == "mark" else None
        if found is None:
            raise InputError(_refusal(origin, str(damage))) from None
        _report(names, origin, found, str(damage))
        _tell_change(find_change(origin), origin, names, framed)
        works = write(len(found.good), lambda views: marked_frames(origin, views, found))
        ticks = found.ticks

    ticks = fill_unknown(ticks, float(1 / (origin.nominal_rate * origin.time_base)))
    _tell_times(names, origin, ticks)
    origin_facts = {"name": source.name, "bytes": source.stat().st_size, "digest": known_digest(source)}
    for work in works:
        row, writer = work.row, work.writer
        offsets = writer.offsets
        write_npy(row.index, offsets)
        count = len(offsets) - 1
        place = np.full((count if work.track else 0, 3), np.nan, np.float32)
        if work.track:
            known = work.track.as_array()[:count]
            place[: len(known)] = known
        write_npy(row.places, place)
        mean, std = writer.statistics()
        facts = {
            "video": row.video,
            "source": origin_facts,
            "codec": origin.codec,
            "pixel_format": origin.pixel_format,
            "source_size": [origin.height, origin.width],
            "crop": list(work.box) if work.box else None,
            **({"track": _tell_track(work, place)} if work.track else {}),
            "frames": count,
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
            "content_box": list(work.content),
            "channel_mean": mean,
            "channel_std": std,
            "damaged": diagnosis.damaged if diagnosis else [],
            "frames_digest": writer.digest,
            "jpeg_quality": jpeg_quality,
        }
        # One line per key: the time stamps of an hour at a variable rate would fill as many lines as there are frames.
        lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
        write_text(row.manifest, "{\n" + ",\n".join(lines) + "\n}\n")


def _add(work: _Work, image: Planes | None, number: int) -> None:
    """Add a frame to the store of a row: what the row shows of it, or a repetition where there is nothing to see."""
    if image is not None and work.follower is not None:
        image = work.follower.cut(image, number)
    if image is None:
        work.writer.fill((work.content[3], work.content[2]))
    else:
        work.writer.append(image)


def _tell_track(work: _Work, place: np.ndarray) -> dict[str, Any]:
    """Return the entry of the manifest on the track of a row; warn if the animal is not to be found for long."""
    track, row = work.track, work.row
    assert track is not None, "a row with a track"
    assert row.track is not None, "a row with a track"
    lost = ranges(np.isnan(place[:, 0]))
    missing = sum(stop - start for start, stop in lost)
    if missing:
        level = logging.WARNING if missing > _MANY * len(place) else NOTE
        logger.log(
            level,
            f"{row.video}: {missing} of {len(place)} frames are without a track in {Path(row.track).name}; they show "
            "the frame before, count as not scored, and nothing is decided there",
        )
    return {
        "name": Path(row.track).name,
        "digest": known_digest(row.track),
        "animal": row.animal,
        "side": track.side,
        "align": track.align,
        "lost": lost,
    }


def _unchanged(stream: FrameStream, video: str, framed: Sequence[Row]) -> Iterator[list[Planes]]:
    """Yield the frames of a video; see at the end whether its picture has changed on the way."""
    yield from stream
    change = find_change(stream.source) if stream.reconfigured else None
    _tell_change(change or find_aspect_change(stream.source), stream.source, video, framed)


def _watch_levels(
    images: Iterable[list[Planes] | None], origin: Source, depth: int, levels: str, video: str
) -> Iterator[list[Planes] | None]:
    """Yield the frames of a video; at the end, warn if its grey levels are a small part of what the file can hold."""
    brightest, white, frames = 0, 0.0, 0
    for image in images:
        if image is not None and depth > 8:
            brightest = max(brightest, *(int(view.luma.max()) for view in image))
            white += float(np.mean([(view.luma >= WHITE).mean() for view in image]))
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


def _tell_change(change: Change | None, origin: Source, video: str, framed: Sequence[Row]) -> None:
    """Warn of a picture that changes on the way.

    Args:
        change: where and how; None: it does not.
        origin: the video file.
        video: the names of all its rows.
        framed: those with a crop or a track.

    Raises:
        InputError: if there are any.
    """
    if change is None:
        return
    what = f"the picture changes on the way: {change.before}, and {change.after} from frame {change.frame} on"
    if framed:
        key = "track" if framed[0].track else "crop"
        raise InputError(
            f"{origin.path}: {what}, where the {key} of {framed[0].video} would show another place; cut the video "
            f"there into two (rows of their own, each with its {key}), or leave the {key} empty"
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
