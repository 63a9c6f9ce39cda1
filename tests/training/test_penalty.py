import torch
from torch import nn

from ethomake.training.penalty import Penalty
from ethomake.training.schedule import Schedule


def test_l2_sp_pulls_toward_the_start_and_toward_zero():
    model = nn.Sequential(nn.Linear(1, 16), nn.BatchNorm1d(16), nn.Linear(16, 1))
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    schedule = Schedule(1, 1, 4, l2_sp_alpha=0.5, l2_sp_beta=0.25)
    penalty = Penalty(model, schedule, frozenset({"0.weight"}))
    with torch.no_grad():
        model[0].weight += 2.0
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    penalty.add()
    assert torch.allclose(model[0].weight.grad, torch.full((16, 1), 0.5 * 2.0))
    assert torch.allclose(model[2].weight.grad, 0.25 * start["2.weight"])
    assert model[0].bias.grad.abs().sum() == 0
