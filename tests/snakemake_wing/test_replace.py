"""What is replaced is looked at first."""

from types import SimpleNamespace

import pytest
import snakemake

from ethomake.errors import InputError
from ethomake.snakemake.replace import replace


class Owner:
    def work(self, file, force=False):
        return f"worked on {file}"


@pytest.fixture
def owner():
    return type("Owner", (), {"work": Owner.work})


def test_what_takes_its_place_is_given_the_original(owner):
    replace(owner, "work", ("self", "file", "force"), lambda work: lambda self, file: f"{work(self, file)} twice")
    assert owner().work("a") == "worked on a twice"


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("rest", ("self",), "there is no Owner.rest that can be called"),
        ("work", ("self", "file"), "Owner.work takes self, file, force, not self, file"),
        ("work", ("self", "force", "file"), "Owner.work takes self, file, force, not self, force, file"),
    ],
)
def test_what_does_not_fit_stays_and_is_told_in_one_line(owner, name, parameters, reason):
    with pytest.raises(InputError) as told:
        replace(owner, name, parameters, lambda work: None)
    line = str(told.value)
    assert reason in line
    assert line.startswith(f"Snakemake {snakemake.__version__} does not fit this version of ethomake: ")
    assert "\n" not in line
    assert owner().work("a") == "worked on a"


def test_a_class_that_an_object_holds_can_be_replaced():
    plugin = SimpleNamespace(executor=Owner)
    with pytest.raises(InputError, match=r"SimpleNamespace\.executor takes nothing, not workflow, logger"):
        replace(plugin, "executor", ("workflow", "logger"), lambda original: original)
    replace(plugin, "executor", (), lambda original: type("Ours", (original,), {}))
    assert plugin.executor.__bases__ == (Owner,)
