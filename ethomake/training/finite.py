"""Numbers that cannot be, NaN or infinite: found where they begin, so that no result is made of them.

A network with such a weight gives NaN for every frame, and NaN is above no threshold: an animal that does nothing.
"""

from collections.abc import Mapping

import torch

from ethomake.errors import InputError


def check_finite(tensors: Mapping[str, torch.Tensor], where: str, remedy: str) -> None:
    """Check that all values are finite numbers.

    Args:
        tensors: by name.
        where: what they are the values of, such as the path of a file of weights.
        remedy: what the user can do, in a clause.

    Raises:
        InputError: if one is NaN or infinite; it says where it stands.
    """
    wrong = [name for name, values in tensors.items() if values.is_floating_point() and not values.isfinite().all()]
    if not wrong:
        return
    first = tensors[wrong[0]]
    place = int((~first.isfinite()).flatten().nonzero()[0])
    value = float(first.flatten()[place])
    more = f" and {len(wrong) - 1} more" if wrong[1:] else ""
    raise InputError(f"{where}: not all values are finite numbers ({wrong[0]} has {value} at {place}{more}); {remedy}")
