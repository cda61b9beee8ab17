"""A weights file's values, taken by name and held to their shapes, and what is folded of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from ensemble_cam.errors import UnusableWeights

_EPSILON = 1e-5  # `nn.BatchNorm2d`'s, which all of the families' networks leave as it is

Folded = tuple[np.ndarray, np.ndarray]
"""Weight and bias, float32."""


def misfit(missing: Sequence[str], strange: Sequence[str], misshapen: Sequence[str]) -> str | None:
    """Say which values of a network a file lacks, has too many or in another shape; None where all is right."""
    for what, names in (("lacks", missing), ("has unknown", strange), ("has another shape of", misshapen)):
        if names:
            return f"{what} {names[0][:60]} ({len(names)} such values)"
    return None


def does_not_fit(name: str, found: str, *, file_name: str, remedy: str) -> UnusableWeights:
    """Return what is to be raised of a file in which `misfit` found something."""
    return UnusableWeights(f"it does not fit the {name} network: it {found}.", file_name=file_name, remedy=remedy)


def is_counter(name: str) -> bool:
    """Whether a value counts batches: it came with a later PyTorch than some of the files, and nothing reads it."""
    return name.endswith("num_batches_tracked")


class Values:
    """The values of a whole upstream network.

    Args:
        values: upstream's name → float32.
        spare: how the names begin of what upstream's network has and does not use.
    """

    def __init__(self, values: Mapping[str, np.ndarray], *, spare: Sequence[str] = ()) -> None:
        self._values, self._spare = values, tuple(spare)
        self._taken: set[str] = set()
        self._missing: list[str] = []
        self._misshapen: list[str] = []

    def take(self, name: str, *shape: int) -> np.ndarray:
        """Return a value as float64; zeros where there is none of this shape, of which `check` tells."""
        self._taken.add(name)
        value = self._values.get(name)
        if value is None:
            self._missing.append(name)
        elif value.shape != shape:
            self._misshapen.append(name)
        else:
            return value.astype(np.float64)
        return np.zeros(shape)

    def norm(self, name: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a batch norm's scale and shift in eval mode, (channels,) float64 each."""
        weight, bias, mean, variance = (
            self.take(f"{name}.{part}", channels) for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = weight / np.sqrt(variance + _EPSILON)
        return scale, bias - mean * scale

    def convolution(self, name: str, *shape: int, norm: str | None = None, bias: bool = False) -> Folded:
        """Return a convolution with the batch norm behind it folded in.

        Args:
            name: the convolution's.
            shape: (channels out, channels in, height, width).
            norm: the batch norm's name; None without one.
            bias: whether the convolution has one.
        """
        weight = self.take(f"{name}.weight", *shape)
        shift = self.take(f"{name}.bias", shape[0]) if bias else np.zeros(shape[0])
        if norm is not None:
            scale, moved = self.norm(norm, shape[0])
            weight, shift = weight * scale[:, None, None, None], shift * scale + moved
        return weight.astype(np.float32), shift.astype(np.float32)

    def behind_norm(self, norm: str, layer: str, outputs: int, channels: int) -> Folded:
        """Return a 1×1 convolution with the batch norm before it folded in, (outputs, channels) and (outputs,)."""
        scale, shift = self.norm(norm, channels)
        weight = self.take(f"{layer}.weight", outputs, channels, 1, 1)[:, :, 0, 0]
        bias = self.take(f"{layer}.bias", outputs) + weight @ shift
        return (weight * scale).astype(np.float32), bias.astype(np.float32)

    def check(self, *, file_name: str, name: str, remedy: str) -> None:
        """Hold the file to what was taken, once all was.

        Args:
            file_name: the file's.
            name: of its weights.
            remedy: what to do about it.

        Raises:
            UnusableWeights: if a value was missing, misshapen or not asked for.
        """
        strange = [
            each
            for each in self._values
            if each not in self._taken and not is_counter(each) and not each.startswith(self._spare)
        ]
        if found := misfit(self._missing, strange, self._misshapen):
            raise UnusableWeights(
                f"it does not fit the {name} network: it {found}.", file_name=file_name, remedy=remedy
            )
