"""Replace a part of Snakemake, after a look at whether it is what it is taken for.

Three parts are replaced in all (see docs/decisions); everything else is Snakemake as it is documented. A version that
has another part in that place is told in one line, instead of results that are wrong in silence.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import snakemake

from ethomake.errors import InputError


def replace(owner: Any, name: str, parameters: Sequence[str], make: Callable[[Any], Any]) -> None:
    """Put something of ours in the place of a function or a class of Snakemake's.

    Args:
        owner: the class, module or object that has it.
        name: what it is called there.
        parameters: the names of the parameters that it is expected to take, all of them and in this order.
        make: is given the original, and gives what takes its place.

    Raises:
        InputError: if there is nothing to call by that name, or it takes other parameters.
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
