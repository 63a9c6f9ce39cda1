"""The model card."""

import json

import pytest

from ethomake.bundle.card import describe
from ethomake.bundle.write import make_bundle
from ethomake.ethogram.decide import Rule


@pytest.fixture
def card(made):
    return (made / "README.md").read_text()


def test_it_says_what_how_good_and_how_to_use_it(card):
    assert card.startswith("# Behaviors in videos: groom, rear\n")
    assert "64 x 32 pixels" in card
    assert "| groom | 18 | 3 | 18 | 3 |" in card
    assert "| groom | 5 | 0.50 | 0.25 | 0.33 | 0.10 | 0.40 | 0.20 |" in card
    assert "| rear | 0 |  |  |  |  |  |  |" in card
    assert "| rear | 0.7 | 0 | 0 |" in card, "the settings replace the fitted threshold"
    assert "(evaluation/scores.png)" in card
    assert "models: path/to/this/folder" in card
    assert "21 to 22 frames per second" in card


def test_it_warns(card):
    assert "rear: not tested" in card
    assert "Learned from fewer than 1,000 frames: groom, rear" in card


def test_frames_for_validation_were_learned_from_too(made):
    content = json.loads((made / "bundle.json").read_text())
    for part in content["trained_on"].values():
        part["behaviors"]["groom"]["positive_frames"] = 500
    assert "Learned from fewer than 1,000 frames: rear." in describe(content, [Rule(0.5, 0, 0)] * 2, None, [])


@pytest.mark.parametrize(
    ("tracked", "said"),
    [
        (0, "They stand still: videos whose picture follows a track are refused."),
        (1, "In 2 of its videos they were cut out along the track of an animal and turned with it."),
        (2, "cut out along the track of an animal and turned with it; videos without a track are refused."),
    ],
)
def test_it_says_whether_pictures_follow_an_animal(made, tracked, said):
    content = json.loads((made / "bundle.json").read_text()) | {"align": True}
    for part in content["trained_on"].values():
        part["tracked"] = tracked
    assert said in describe(content, [Rule(0.5, 0, 0)] * 2, None, [])


def test_every_row_of_a_table_has_all_columns(card):
    tables = [block.splitlines() for block in card.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        assert len({row.count("|") for row in table}) == 1


def test_it_tells_whose_weights_the_networks_started_from(made):
    content = json.loads((made / "bundle.json").read_text())
    assert content["pretrained"] == {}
    content["pretrained"] = {
        "spatial": {"source": "W.V1 of torchvision", "license": "BSD-3-Clause", "page": "https://a.org/b"},
        "motion": {"source": "own.pth", "license": "", "page": ""},
    }
    text = describe(content, [Rule(0.5, 0, 0)] * 2, None, [])
    assert "| spatial | W.V1 of torchvision | BSD-3-Clause | <https://a.org/b> |" in text
    assert "| motion | own.pth | not known |  |" in text
    assert "to be filled in before sharing" in text


def test_without_test_videos_it_says_that_it_was_not_evaluated(parts, tmp_path):
    make_bundle(tmp_path / "untested", **parts | {"evaluation": []})
    assert "Not evaluated: there were no test videos" in (tmp_path / "untested/README.md").read_text()


def test_names_cannot_break_the_page(made, parts):
    content = json.loads((made / "bundle.json").read_text())
    content["behaviors"] = ["a|b", "<i>"]
    for part in content["trained_on"].values():
        part["behaviors"] = dict(zip(content["behaviors"], part["behaviors"].values(), strict=True))
    text = describe(content, [Rule(None, 0, 0)] * 2, None, [])
    assert "a\\|b, \\<i\\>" in text
    assert "The most probable behavior, or background, is taken" in text
