import csv
import io

import pytest

from ethomake.cells import defuse, restore

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-m1", "@SUM(A1)", "\uff1d1", "'=x", "''=x", "'-x", "'@"]
HARMLESS = ["groom", "", "'quoted'", "it's", "a=b", "-1", "+2.5", "-0.000001", "1e-5", "-1e+3", "'"]


@pytest.mark.parametrize("name", [*FORMULAS, *HARMLESS])
def test_a_name_is_read_back_as_it_was(name):
    assert restore(defuse(name)) == name


def test_no_cell_begins_a_formula_and_numbers_stay_numbers():
    assert all(defuse(name)[0] == "'" for name in FORMULAS)
    assert [defuse(name) for name in HARMLESS] == HARMLESS


def test_names_and_cells_correspond_one_to_one():
    assert len({defuse(name) for name in [*FORMULAS, *HARMLESS]}) == len(FORMULAS) + len(HARMLESS)
    text = io.StringIO()
    csv.writer(text).writerow(map(defuse, FORMULAS))
    assert list(map(restore, next(csv.reader(io.StringIO(text.getvalue()))))) == FORMULAS
