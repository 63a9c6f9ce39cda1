"""Names in label files and names in the config."""

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.labels.check import choose_behaviors
from ethomake.labels.names import check_listed, map_names, map_positives
from ethomake.labels.table import LabelTable, Positives

VALUES = np.array([[1, 0, 0], [0, -1, 1], [-1, 0, 0], [0, 0, -1], [0, 0, 1]], np.int8)


def test_names_are_changed_merged_and_left_out():
    table = map_names(
        LabelTable(("lick", "scratch", "walk"), VALUES), {"lick": "groom", "scratch": "groom", "walk": None}
    )
    assert table.behaviors == ("groom",)
    assert table.values[:, 0].tolist() == [1, -1, -1, 0, 0]
    assert table.ignored == ("behavior walk, by labels.names",)
    swapped = map_names(LabelTable(("a", "b", "c"), VALUES), {"a": "b", "b": "a"})
    assert swapped.behaviors == ("b", "a", "c")
    np.testing.assert_array_equal(swapped.values, VALUES)


def test_a_column_of_something_else_keeps_its_error_under_the_new_name():
    error = InputError("v.csv, line 2: column 'note' holds 'x'")
    table = map_names(LabelTable(("a",), VALUES[:, :1], {"note": error}), {"note": "groom"})
    with pytest.raises(InputError, match="column 'note' holds 'x'"):
        choose_behaviors(table, "v.csv", behaviors=["a", "groom"])


def test_counts_are_added_up():
    found = map_positives(
        Positives({"lick": 2, "scratch": 3, "walk": 1}, is_list=True), {"lick": "scratch", "walk": None}
    )
    assert (found.counts, found.is_list) == ({"scratch": 5}, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["walk", "Groom"], r"no bout of groom, but these names .* config: Groom \(groom\?\); map .* \{Groom: groom\}"),
        (["walk", "groom", "grom"], r"v.csv: these names are not .*: grom \(groom\?\); .*\{grom: null\}"),
        (["walk", "xyz"], r"no bout of groom, but .*: xyz; map each, as in labels.names: \{xyz: groom\}"),
    ],
)
def test_a_name_that_may_be_one_of_the_config_is_an_error(given, message):
    with pytest.raises(InputError, match=message) as caught:
        check_listed("v.csv", given, behaviors=["walk", "groom"])
    assert "\n" not in str(caught.value)


def test_other_names_in_a_list_do_no_harm_if_all_behaviors_are_there():
    assert check_listed("v.csv", ["walk", "groom", "sniff"], behaviors=["walk", "groom"]) == ["sniff"]
    assert check_listed("v.csv", ["walk", "sniff"], behaviors=["walk", "groom"], scored=["walk"]) == ["sniff"]
    assert check_listed("v.csv", [], behaviors=["walk", "groom"]) == []


def test_a_behavior_that_is_not_in_a_list_was_absent_where_it_was_observed(capsys):
    walk = VALUES[:, :1]
    observed = np.array([1, 1, 0, 1, 1], bool)
    both, table = ["walk", "groom"], LabelTable(("walk",), walk, is_list=True, observed=observed)
    assert choose_behaviors(table, "v.csv", behaviors=both).values[:, 1].tolist() == [0, 0, -1, 0, 0]
    assert "there is no bout of groom: it counts as absent" in capsys.readouterr().err
    assert choose_behaviors(table, "v.csv", behaviors=both, scored=["walk"]).values[:, 1].tolist() == [-1] * 5
    unknown = LabelTable(("walk",), walk, is_list=True)
    assert choose_behaviors(unknown, "v.csv", behaviors=both).values[:, 1].tolist() == [-1] * 5
