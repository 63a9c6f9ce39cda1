"""Annotations of ELAN."""

import pytest

from ethomake.errors import InputError
from ethomake.labels.formats import count_any_positives, elan
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver

MEDIA = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/films/{}" MIME_TYPE="{}" {}/>'
VIDEO = MEDIA.format("a%20b.mp4", "video/mp4", "")


def eaf(tiers, media=VIDEO, participants=(), units="milliseconds", times=None):
    """Return a document: {tier: [(start, stop, value)]}, times in milliseconds or None."""
    slots, parts = "", ""
    count = 0
    for tier, annotations in tiers.items():
        rows = ""
        for start, stop, value in annotations:
            for time in (start, stop):
                count += 1
                slots += (
                    f'<TIME_SLOT TIME_SLOT_ID="ts{count}"'
                    + (f' TIME_VALUE="{time}"' if time is not None else "")
                    + "/>"
                )
            refs = f'TIME_SLOT_REF1="ts{count - 1}" TIME_SLOT_REF2="ts{count}"'
            rows += f'<ANNOTATION>\n<ALIGNABLE_ANNOTATION ANNOTATION_ID="a{count}" {refs}>'
            rows += f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        who = f' PARTICIPANT="{participants[tier]}"' if tier in participants else ""
        parts += f'<TIER TIER_ID="{tier}"{who} LINGUISTIC_TYPE_REF="default-lt">{rows}</TIER>'
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">'
    header = f'<HEADER MEDIA_FILE="" TIME_UNITS="{units}">{media}</HEADER>'
    return f"{head}{header}<TIME_ORDER>{slots}</TIME_ORDER>\n{parts}</ANNOTATION_DOCUMENT>"


save = saver("a.eaf")


labels, refusal = reader_of("elan", video="a b.mp4")


def test_values_are_behaviors_or_if_blank_the_tier(save):
    path = save(eaf({"mood": [(200, 400, "calm &amp; warm")], "walk": [(500, 800, " "), (900, 1000, "")]}))
    assert labels(path) == {"calm & warm": "0011000000", "walk": "0000011101"}
    assert count_any_positives(path).counts == {"calm & warm": 1, "walk": 2}
    notes = elan.read(path, Timeline.regular(10, 10, "a b.mp4"), Policies()).notes
    assert notes == ("the tiers mood, walk were read together",)


def test_participants_are_subjects(save):
    tiers = {"acts of m1": [(200, 400, "walk")], "acts of m2": [(500, 800, "walk")]}
    path = save(eaf(tiers, participants={"acts of m1": "m1", "acts of m2": "m2"}))
    assert labels(path, subject="m2") == {"walk": "0000011100"}
    assert "the labels of 2 subjects (m1, m2)" in refusal(path)


def test_tiers_are_subjects_if_they_share_a_value_or_the_row_names_one(save):
    path = save(eaf({"m1": [(200, 400, "walk")], "m2": [(500, 800, "walk")]}))
    assert labels(path, subject="m1") == {"walk": "0011000000"}
    assert "the labels of 2 subjects (m1, m2)" in refusal(path)
    path = save(eaf({"m1": [(200, 400, "walk")], "m2": [(500, 800, "rear")]}))
    assert labels(path, subject="m2") == {"rear": "0000011100"}


def test_a_video_that_was_shifted_has_its_own_time(save):
    media = (
        VIDEO + MEDIA.format("side.mp4", "video/mp4", 'TIME_ORIGIN="300"') + MEDIA.format("a.wav", "audio/x-wav", "")
    )
    path = save(eaf({"t": [(200, 400, "walk")]}, media))
    assert labels(path) == {"walk": "0011000000"}
    assert labels(path, video="side.mp4") == {"walk": "0000011000"}
    assert "the labels of 2 videos (a b.mp4, side.mp4), and none is c.mp4" in refusal(path, video="c.mp4")


def test_videos_of_one_name_in_two_folders_are_not_confused(save):
    other = MEDIA.format("side/a%20b.mp4", "video/mp4", 'TIME_ORIGIN="300"')
    told = refusal(save(eaf({"t": [(200, 400, "walk")]}, VIDEO + other)))
    assert (
        "several videos there could be meant by a b.mp4 (file:///C:/films/a b.mp4, file:///C:/films/side/a b." in told
    )


def test_annotations_that_belong_to_others_are_left_out(save):
    belongs = '<TIER TIER_ID="notes" PARENT_REF="t"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="r" ANNOTATION_REF="a2">'
    belongs += "<ANNOTATION_VALUE>fast</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
    path = save(eaf({"t": [(200, 400, "walk")]}).replace("</ANNOTATION_DOCUMENT>", belongs))
    table = elan.read(path, Timeline.regular(10, 10, "a b.mp4"), Policies())
    assert table.behaviors == ("walk",)
    assert table.ignored == ("tier notes, whose annotations have no times of their own, or are none",)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
WALK = eaf({"t": [(200, 400, "walk")]})
MISTAKES = {
    "line 4: walk stops at 0.2, before it starts at 0.4": eaf({"t": [(400, 200, "walk")]}),
    "line 4: the annotation 'walk' has no time; align it": eaf({"t": [(200, None, "walk")]}),
    "line 4: the annotation 'walk' has a time slot that is not": eaf({"t": [(2, 4, "walk")]}).replace(
        '_REF2="ts2"', '_REF2="x"'
    ),
    "line 2: 'soon' is no time": eaf({"t": [(200, "soon", "walk")]}),
    "line 4: walk goes to 4 s, but the video": eaf({"t": [(200, 4000, "walk")]}),
    "line 2: times in NTSC-frames are not read": eaf({"t": [(200, 400, "walk")]}, units="NTSC-frames"),
    "line 5: not readable as XML": eaf({"t": [(200, 400, "walk")]}).replace("</TIER>", "\n"),
    "line 3: TIER has no TIER_ID": eaf({"": [(200, 400, "walk")]}),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_line(save, said):
    assert said in refusal(save(MISTAKES[said]))


def test_entities_are_refused(save):
    text = eaf({"t": [(200, 400, "&b;")]})
    path = save(text.replace("<ANNOTATION_DOCUMENT", BOMB + "<ANNOTATION_DOCUMENT"))
    with pytest.raises(InputError, match="line 2: the file declares a document type"):
        elan.read(path, Timeline.regular(10, 10), Policies())
    nested = text.replace("<TIME_ORDER>", "<a>" * 300 + "</a>" * 300 + "<TIME_ORDER>").replace("&b;", "walk")
    assert "nested too deeply" in refusal(save(nested))
