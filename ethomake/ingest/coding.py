"""Which packets of a video begin a picture that is shown.

Most files have one packet for each frame. Others code a frame as two fields (camcorders: H.264 in AVCHD, MPEG-2), or
have packets that are never shown by themselves: references of VP8, VP9 and AV1, the leading pictures of a recording
that was cut out of a longer one, the empty packets of an AVI file. The headers of the pictures tell; ffmpeg prints them
without decoding (`trace_headers`). It takes a hundredth of the time of decoding, and only files need it that do not
give one frame for each packet.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ethomake.ingest.probe import PACKETS, Source, input_arguments

Fields = list[tuple[str, int]]
"""Names and values in the headers of a packet, in order."""

BEFORE, AFTER, NOWHERE = -1, 1, 0
"""Where a packet that begins no shown picture belongs: to the picture before it, to that after it, to none."""


@dataclass(frozen=True)
class Part:
    """What a packet adds: the number of shown pictures that begin in it; if it is 0, where it belongs."""

    begins: int
    belongs: int = NOWHERE


Judged = tuple[list[Part], bool]
"""What each packet adds, and whether headers that cannot be read leave a doubt about it."""


def group_pictures(source: Source) -> Source:
    """Return a source with one entry for each picture that is shown, instead of one for each packet.

    A picture is damaged if a packet that belongs to it is. The source itself is returned if its packets are its
    pictures, or if it cannot be told.
    """
    if source.grouped:
        return source
    if source.codec in _CODECS:
        names, judge = _CODECS[source.codec]
        parts, doubt = judge(read_headers(source, names))
    else:
        parts, doubt = [Part(1) for _ in source.ticks], False
    if len(parts) != len(source.ticks):
        return source
    begins = np.array([part.begins for part in parts], dtype=np.int64)
    belongs = np.array([part.belongs for part in parts], dtype=np.int64)
    nothing = source.sizes <= _NOTHING.get(source.codec, 0)
    begins[nothing] = belongs[nothing] = 0
    first = np.flatnonzero(begins)
    if not len(first) or (begins == 1).all():
        return source
    corrupt = source.corrupt[first]
    second = []
    for side in (BEFORE, AFTER):
        others = np.flatnonzero((begins == 0) & (belongs == side))
        owners = np.searchsorted(first, others) - (side == BEFORE)
        others, owners = (each[(owners >= 0) & (owners < len(first))] for each in (others, owners))
        corrupt[owners[source.corrupt[others]]] = True
        if side == BEFORE:
            second = zip(source.ticks[others].tolist(), source.ticks[first[owners]].tolist(), strict=True)
    return replace(
        source,
        ticks=source.ticks[first],
        key=source.key[first],
        corrupt=corrupt,
        shown=source.shown[first],
        sizes=source.sizes[first],
        grouped=True,
        doubt=doubt,
        second=tuple(second),
        several=int((begins[first] - 1)[source.shown[first]].sum()),
    )


def read_headers(source: Source, names: Iterable[str], only: str = "") -> Iterator[Fields]:
    """Yield the values of the fields `names` in the headers of each packet that the filters `only` let pass."""
    filters = f"{only},trace_headers" if only else "trace_headers"
    command = [*input_arguments(source.path), *PACKETS, "-bsf:v", filters, "-f", "framecrc", "-"]
    pattern = re.compile(rb"\] \d+ +(" + "|".join(map(re.escape, names)).encode() + rb") .*= (\d+)\s*$")
    fields: Fields | None = None  # None before the first packet, where headers of the whole stream are printed
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None, "it is a pipe"
        try:
            for line in process.stderr:
                if b"Packet: " in line:
                    if fields is not None:
                        yield fields
                    fields = []
                elif fields is not None and (match := pattern.search(line)):
                    fields.append((match.group(1).decode(), int(match.group(2))))
        finally:
            process.kill()  # if the reader stopped early
    if fields is not None:
        yield fields


def _judge_shown(packets: Iterable[Fields]) -> Judged:
    """VP8, VP9: the header says whether a frame is shown; one that is not is a reference of later ones."""
    parts, doubt = [], False
    for fields in packets:
        parts.append(Part(sum(value for _, value in fields), AFTER) if fields else Part(1))
        doubt |= not fields
    return parts, doubt


def _judge_av1(packets: Iterable[Fields]) -> Judged:
    """AV1: as VP9; but of the shown frames of a packet that are spatial layers of one picture, only the last is output.

    Layers of a picture have rising numbers (`spatial_id`), if the sequence header says that there are any (6.4.1).
    """
    parts, doubt, layered = [], False, False
    for fields in packets:
        begins, layer, last = 0, 0, -1
        for name, value in fields:
            if name == "operating_point_idc[0]":
                layered = value >> 8 > 1  # a bit for each spatial layer
            elif name == "obu_type":
                layer = 0  # unless the next field says otherwise
            elif name == "spatial_id":
                layer = value
            elif value:  # shown
                begins += not (layered and layer > last)
                last = layer
        begins += layered and last >= 0
        parts.append(Part(begins, AFTER) if fields else Part(1))
        doubt |= not fields
    return parts, doubt


def _judge_h264(packets: Iterable[Fields]) -> Judged:
    """H.264: two fields are one frame if they follow each other, of different parity and the same number (7.4.1.2.4).

    Packets that cannot be read are taken for fields in their turn, in which there is no doubt if all pictures are
    fields and those that can be read agree.
    """
    parts: list[Part] = []
    unknown: dict[str, int] = {}
    open_field: dict[str, int] | None = None
    second, unread, frames, doubt = None, False, False, False  # parity of second fields
    for fields in packets:
        pictures = list(_h264_pictures(fields))
        if not pictures:
            unread = True
            pairs = open_field is not None
            parts.append(Part(0, BEFORE) if pairs and second is not None else Part(1))
            open_field = None if pairs else unknown
            continue
        begins = 0
        for picture in pictures:
            if open_field is unknown:
                is_second = picture["field_pic_flag"] and picture["bottom_field_flag"] == second
                doubt |= not is_second
            else:
                is_second = open_field is not None and _is_second_field(picture, open_field)
            if is_second:
                open_field, second = None, picture["bottom_field_flag"]
                continue
            begins += 1
            open_field = picture if picture["field_pic_flag"] else None
            frames |= not picture["field_pic_flag"]
            doubt |= unread and picture["bottom_field_flag"] == second and bool(picture["field_pic_flag"])
        parts.append(Part(begins, BEFORE))
    return parts, doubt or (unread and frames)


def _h264_pictures(fields: Fields) -> Iterator[dict[str, int]]:
    """Yield the pictures in a packet: the values in the header of the first slice of each."""
    slices: list[dict[str, int]] = []
    unit: dict[str, int] = {}
    for name, value in fields:
        if name == "nal_ref_idc":  # the first value of a unit
            unit = {"field_pic_flag": 0, "bottom_field_flag": 0}
        unit[name] = value
        if name == "frame_num" and unit.get("nal_unit_type") in (1, 2, _IDR):
            slices.append(unit)
    keys = ("frame_num", "field_pic_flag", "bottom_field_flag")  # slices of one picture have the same values
    for _, group in groupby(slices, key=lambda unit: [unit[key] for key in keys]):
        yield next(group)


def _is_second_field(picture: dict[str, int], first: dict[str, int]) -> bool:
    starts_anew = picture["nal_unit_type"] == _IDR != first["nal_unit_type"]
    only_it_is_a_reference = picture["nal_ref_idc"] > 0 == first["nal_ref_idc"]
    return bool(
        picture["field_pic_flag"]
        and picture["bottom_field_flag"] != first["bottom_field_flag"]
        and picture["frame_num"] == first["frame_num"]
        and not starts_anew
        and not only_it_is_a_reference
    )


def _judge_mpeg2(packets: Iterable[Fields]) -> Judged:
    """MPEG-2: a frame, or two fields that follow each other; B-pictures before the second reference may be lost.

    These refer to a picture before the beginning of the file, unless the group of pictures is closed (6.3.8).
    """
    parts: list[Part] = []
    frame, references, closed, open_field, unread, paired = 3, 0, True, 0, False, False
    for fields in packets:
        begins, lost, kind = 0, 0, 0
        for name, value in fields:
            if name == "closed_gop" and references == 0:
                closed = bool(value)
            elif name == "picture_coding_type":
                kind = value
            elif name == "picture_structure":
                if open_field and value not in (frame, open_field):
                    open_field, paired = 0, True
                    continue
                open_field = value if value != frame else 0
                if kind == 3 and references < 2 and not closed:
                    lost += 1
                else:
                    begins += 1
                    references += kind != 3
        unread |= not fields
        parts.append(Part(begins, NOWHERE if lost else BEFORE) if fields else Part(1))
    return parts, unread and paired


def _judge_hevc(packets: Iterable[Fields]) -> Judged:
    """HEVC: a picture may be marked as not shown, or refer to what came before the beginning (RASL, 8.1.3)."""
    parts: list[Part] = []
    skipping, ended, hides, unread = False, True, False, False
    for fields in packets:
        begins, belongs, kind = 0, BEFORE, 0
        for name, value in fields:
            if name == "nal_unit_type":
                kind = value
                ended |= kind in (36, 37)  # end of a sequence
            elif name == "first_slice_segment_in_pic_flag" and value:
                if 16 <= kind <= 23:  # a random access point
                    skipping, ended = kind <= 20 or ended, False
                if kind in (8, 9) and skipping:
                    belongs = NOWHERE
                else:
                    begins += 1
            elif name == "pic_output_flag" and not value and begins:
                begins, belongs, hides = begins - 1, AFTER, True
        unread |= not fields
        parts.append(Part(begins, belongs) if fields else Part(1))
    return parts, unread and hides


def _judge_vvc(packets: Iterable[Fields]) -> Judged:
    """VVC: as HEVC, but whether a picture is shown is in its header, a unit of its own or part of the first slice."""
    parts: list[Part] = []
    skipping, ended, hides, unread = False, True, False, False
    for fields in packets:
        begins, belongs, kind, kinds, ends = 0, BEFORE, 0, [], False
        for name, value in fields:
            if name == "nal_unit_type":
                kind = value
                ends |= kind in (21, 22)  # end of a sequence
                if kinds and kinds[-1] is None and kind <= 10:  # the first slice of the picture
                    kinds[-1] = kind
            elif name == "ph_gdr_or_irap_pic_flag":  # a header of a picture
                kinds.append(kind if kind <= 10 else None)
            elif name == "ph_pic_output_flag" and not value:
                begins, belongs, hides = begins - 1, AFTER, True
        for own in kinds:
            if own in (7, 8, 9, 10):  # a point of random access
                skipping, ended = own == 9 and ended, False
            if own == 3 and skipping:
                belongs = NOWHERE
            else:
                begins += 1
        ended |= ends
        unread |= not fields
        parts.append(Part(max(0, begins), belongs) if fields else Part(1))
    return parts, unread and hides


_NOTHING = {"mpeg4": 9}  # bytes: start code and header of a picture that is not coded, with which frames are dropped
_IDR = 5  # type of a slice of a picture at which decoding can begin
_SHOWN = ("show_existing_frame", "show_frame")
_Judge = Callable[[Iterable[Fields]], Judged]
_CODECS: dict[str, tuple[tuple[str, ...], _Judge]] = {
    "vp8": (_SHOWN, _judge_shown),
    "vp9": (_SHOWN, _judge_shown),
    "av1": (("operating_point_idc[0]", "obu_type", "spatial_id", *_SHOWN), _judge_av1),
    "h264": (
        ("nal_ref_idc", "nal_unit_type", "frame_num", "field_pic_flag", "bottom_field_flag"),
        _judge_h264,
    ),
    "mpeg2video": (("closed_gop", "picture_coding_type", "picture_structure"), _judge_mpeg2),
    "hevc": (("nal_unit_type", "first_slice_segment_in_pic_flag", "pic_output_flag"), _judge_hevc),
    "vvc": (("nal_unit_type", "ph_gdr_or_irap_pic_flag", "ph_pic_output_flag"), _judge_vvc),
}
