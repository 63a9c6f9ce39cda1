"""Replace a part of Snakemake or of its SLURM plugin, after a check that it is as expected.

Three parts are replaced in all (docs/decisions/0003); everything else is documented Snakemake. If a version differs in
one of these parts, the run ends with one line, instead of silently wrong results.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import snakemake

from ethomake.errors import InputError


def replace(owner: Any, name: str, parameters: Sequence[str], make: Callable[[Any], Any]) -> None:
    """Replace a function or a class of Snakemake.

    Args:
        owner: the class, module or object that has it as an attribute.
        name: the name of the attribute.
        parameters: the names of the parameters that it is expected to take, all of them and in this order.
        make: takes the original and returns the replacement.

    Raises:
        InputError: if there is no callable of that name, or it takes other parameters.
    """
    found = vars(owner).get(name)
    where = f"{getattr(owner, '__name__', type(owner).__qualname__)}.{name}"
    if not callable(found):
        raise InputError(_does_not_fit(f"there is no {where} that can be called"))
    given = list(inspect.signature(found).parameters)
    if given != list(parameters):
        raise InputError(_does_not_fit(f"{where} takes {', '.join(given) or 'nothing'}, not {', '.join(parameters)}"))
    setattr(owner, name, make(found))


def _does_not_fit(reason: str) -> str:
    return (
        f"Snakemake {snakemake.__version__} does not fit this version of ethomake: {reason}; install a version that "
        "pyproject.toml asks for, or a newer ethomake"
    )
