"""Tables of the MABe challenge of 2025."""

import pytest

from ethomake.labels.formats import count_any_positives, mabe
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver

HEAD = "agent_id,target_id,action,start_frame,stop_frame\n"
ROWS = "1,2,sniff,2,4\n2,1,attack,5,8\n1,1,rear,0,1\n"
SCORED = '"[""mouse1,mouse2,sniff"", ""mouse1,self,rear"", ""mouse1,mouse2,attack"", ""mouse2,mouse1,attack""]"'


save = saver("a.csv")


labels, refusal = reader_of("mabe", rate=30, subject="mouse1", video="44.mp4")


@pytest.mark.parametrize("spelling", ["mouse1", "1"])
def test_agents_are_subjects_and_the_stop_is_not_included(save, spelling):
    path = save(HEAD + ROWS)
    assert labels(path, subject=spelling) == {"rear": "1000000000", "sniff": "0011000000"}
    assert labels(path, subject="mouse2") == {"attack": "0000011100"}
    assert count_any_positives(path, subject=spelling).counts == {"sniff": 1, "rear": 1}
    assert "the labels of 2 subjects (mouse1, mouse2)" in refusal(path, subject="")


def test_targets_are_modifiers(save):
    assert labels(save(HEAD + ROWS), modifiers="name") == {"rear:self": "1000000000", "sniff:mouse2": "0011000000"}


def test_what_was_not_scored_of_an_agent_is_not_absent(save):
    rows = "".join(f"{row},{SCORED}\n" for row in ROWS.splitlines())
    path = save(HEAD.replace("\n", ",behaviors_labeled\n") + rows)
    assert labels(path) == {"sniff": "0011000000", "rear": "1000000000", "attack": "0000000000"}
    assert labels(path, subject="mouse2") == {"attack": "0000011100"}
    assert labels(path, modifiers="name")["attack:mouse2"] == "0000000000"
    table = mabe.read(path, Timeline.regular(10, 30, "44.mp4", "mouse2"), Policies())
    assert table.observed is None  # so behaviors that are not named were not scored
    assert "2 animals were scored (mouse1, mouse2)" in refusal(path, subject="")


def test_a_table_may_hold_many_videos(save):
    rows = "".join(f"{row},{video}\n" for video in (44, 45) for row in ROWS.splitlines())
    path = save(HEAD.replace("\n", ",video_id\n") + rows.replace("2,4,45", "6,9,45"))
    assert labels(path) == {"rear": "1000000000", "sniff": "0011000000"}
    assert labels(path, video="45.avi")["sniff"] == "0000001110"
    assert "the labels of 2 videos (44, 45), and none is 46.avi" in refusal(path, video="46.avi")


MISTAKES = {
    "line 2: '2.5' is no number of a frame": HEAD + "1,2,sniff,2.5,4\n",
    "line 2: sniff stops at 2, before it starts at 4": HEAD + "1,2,sniff,4,2\n",
    "line 2: there is no agent or no action": HEAD + "1,2,,4,5\n",
    "line 2: sniff goes to 11, but the video": HEAD + "1,2,sniff,4,11\n",
    "line 2: column 'behaviors_labeled' holds no list": HEAD.replace("\n", ",behaviors_labeled\n")
    + "1,2,sniff,4,5,all\n",
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_line(save, said):
    assert said in refusal(save(MISTAKES[said]))
