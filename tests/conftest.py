"""Fixtures for all tests: one thread, no GPU unless a test is about one."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _on_the_cpu(request, monkeypatch):
    """Compute on the CPU, so that figures do not depend on the machine; tests marked gpu use the GPU or skip."""
    if request.node.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("this machine has no CUDA device")
    else:
        monkeypatch.setenv("ETHOMAKE_DEVICE", "cpu")
