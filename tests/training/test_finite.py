import pytest
import torch

from ethomake.errors import InputError
from ethomake.training.finite import check_finite


def test_it_is_said_where_the_first_value_stands_that_is_no_number():
    tensors = {"count": torch.tensor([1, 2]), "layer.weight": torch.ones(2, 3), "layer.bias": torch.ones(3)}
    check_finite(tensors, "a.pth", "give another")
    tensors["layer.weight"][1, 0] = torch.inf
    tensors["layer.bias"][0] = torch.nan
    with pytest.raises(InputError) as error:
        check_finite(tensors, "a.pth", "give another")
    reason = "not all values are finite numbers (layer.weight has inf at 3 and 1 more)"
    assert str(error.value) == f"a.pth: {reason}; give another"
