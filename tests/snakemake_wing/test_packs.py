"""Which videos have the rules of packs, and which have those for single videos."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from ethomake.snakemake.packs import alone, looking_up, shared


def test_packs_are_of_those_that_are_there():
    assert shared([["a", "b"], ["c"], ["d", "gone"], ["e", "gone", "f"]], "abcdef") == {
        "0": ["a", "b"],
        "3": ["e", "f"],
    }
    assert shared([], "abc") == {}
    assert shared([["a"], ["b", "c"]], "abc", "late") == {"late1": ["b", "c"]}


@pytest.mark.parametrize("packs", [[], [["a", "ab", "b"]], [["mouse1", "mouse10", "mouse-1"], ["Mouse_2"]]])
def test_a_video_is_alone_or_in_a_pack(packs):
    pattern = re.compile(rf"results/(?P<video>{alone(packs)})\.csv")
    packed = {name for names in packs for name in names}
    others = {"a", "ab", "abc", "b", "c", "mouse", "mouse1", "mouse100", "mouse-1", "mouse-2", "Mouse_2", "m"} - packed
    for name in packed:
        assert not pattern.fullmatch(f"results/{name}.csv"), name
    for name in others:
        assert pattern.fullmatch(f"results/{name}.csv")["video"] == name
    assert not pattern.fullmatch("results/no video.csv")


def test_thousands_of_videos_are_no_trouble():
    names = [f"mouse{number}" for number in range(3000)]
    pattern = alone([names])
    assert len(pattern) < 200
    assert not any(re.fullmatch(pattern, name) for name in names)
    assert re.fullmatch(pattern, "mouse3000")


def test_what_a_rule_without_wildcards_makes_is_looked_up():
    asked = []

    def ask(self, path):
        asked.append(path)
        return True

    is_producer = looking_up(ask)
    pack = SimpleNamespace(name="pack", wildcard_names=set(), products=lambda: iter(["a.csv", "a.log"]))
    assert [is_producer(pack, path) for path in ("a.csv", "a.log", "b.csv")] == [True, True, False]
    assert asked == []
    assert is_producer(SimpleNamespace(name="single", wildcard_names={"video"}), "b.csv")
    assert asked == ["b.csv"]


def test_no_rule_file_touches_a_private_name_of_snakemake():
    """Outside of the library's package for it, that is."""
    root = Path(__file__).parents[2]
    private = re.compile(r"\b(workflow|rule|rules|job|dag|stage|snakemake)(\.\w+)*\.(_\w+)")
    for path in [root / "Snakefile", *(root / "workflow/rules").glob("*.smk")]:
        text = path.read_text()
        assert not private.search(text), path
        assert not re.search(r"from snakemake\S* import .*\b_\w", text), path


def test_no_other_package_imports_snakemake():
    root = Path(__file__).parents[2] / "ethomake"
    found = {
        path.parent for path in root.rglob("*.py") if re.search(r"^\s*(from|import) snakemake", path.read_text(), re.M)
    }
    assert found == {root / "snakemake"}
