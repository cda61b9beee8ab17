"""Memory that ran out is known for what it is, whoever says so and in whatever words."""

import pytest
import torch

from ensemble_cam.errors import RadiographError, is_out_of_memory


def test_what_pytorch_raises_on_the_processor_is_known():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50)  # a petabyte and more
    assert type(raised.value) is RuntimeError, "a class of its own would be better to ask for"
    assert is_out_of_memory(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GiB, max allowed: 9 GiB)."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("std::bad_alloc"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:40],
)
def test_memory_that_ran_out_is_known(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), RadiographError("out of memory"), OSError(12, "no")])
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
