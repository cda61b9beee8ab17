"""Heads: what comes behind the activation, and its logits' gradients by the activation.

Every map needs them, and nothing before the activation; so a head opens its own small autograd graph, once for a film,
and gives the gradients of as many labels as are asked for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HeadRun:
    """One film's activation on its way through a head, kept open for gradients.

    Attributes:
        logits: (outputs,) float32.
    """

    logits: Tensor

    def gradients(self, outputs: Sequence[int]) -> Tensor:
        """Return the gradients of the named outputs' logits by the activation, (len(outputs), channels, h, w)."""
        raise NotImplementedError


class Head(nn.Module):
    """What comes behind the activation: forward takes (n, channels, h, w) to (n, outputs) logits."""

    def run(self, activation: Tensor) -> HeadRun:
        """Send one film's activation, (1, channels, h, w), through the head and keep the way open for gradients."""
        raise NotImplementedError


class PooledHead(Head):
    """Global average, then one linear layer: the head of the DenseNets and ResNets.

    Args:
        linear: (channels → outputs).
        rectify: begin with upstream's last ReLU. It changes no logit, as the activation is at least 0, but where the
            activation is 0 it stops the gradient, as it does in upstream's whole network.
    """

    def __init__(self, linear: nn.Linear, *, rectify: bool = False):
        super().__init__()
        self.linear = linear
        self.first = nn.ReLU() if rectify else nn.Identity()

    def forward(self, activation: Tensor) -> Tensor:
        """Return (n, outputs) logits."""
        return self.linear(F.adaptive_avg_pool2d(self.first(activation), 1).flatten(1))

    def run(self, activation: Tensor) -> HeadRun:
        """See `Head.run`."""
        return _AutogradRun(self, activation)


class AverageMaximumHead(Head):
    """Average and maximum of each channel, batch norm, one linear layer: the teaching JF Healthcare network's head.

    The activation is the attention's output, so nothing of the attention is in the head. It is at least 0 like the
    others': the attention adds and multiplies rectified branches only, enlarged bilinearly.
    """

    def __init__(self, upstream: nn.Module):
        super().__init__()
        self.pool, self.norm, self.linear = upstream.global_pool, upstream.bn_0, upstream.fc_0

    def forward(self, activation: Tensor) -> Tensor:
        """Return (n, outputs) logits."""
        return self.linear(self.norm(self.pool(activation, None))).flatten(1)

    def run(self, activation: Tensor) -> HeadRun:
        """See `Head.run`."""
        return _AutogradRun(self, activation)


class _AutogradRun(HeadRun):
    """Gradients by autograd, one backward pass through the head for each output."""

    def __init__(self, head: Head, activation: Tensor):
        with torch.enable_grad():
            self._activation = activation.detach().clone().requires_grad_()
            self._logits = head(self._activation)[0]
        self.logits = self._logits.detach()

    def gradients(self, outputs: Sequence[int]) -> Tensor:
        found = [torch.autograd.grad(self._logits[o], self._activation, retain_graph=True)[0][0] for o in outputs]
        return torch.stack(found)


class AttentionChainHead(Head):
    """JF Healthcare's head: for label k, attention, pooling, batch norm and a 1×1 convolution of its own.

    Upstream overwrites the activation with the attention's output inside its loop over the labels, so label k sees
    the attention applied k + 1 times. The published weights were trained that way, and the head keeps it. Like
    `PooledHead` with `rectify` it begins with the backbone's last ReLU.
    """

    def __init__(self, upstream: nn.Module):
        super().__init__()
        count = len(upstream.cfg.num_classes)
        self.attention = upstream.attention_map
        self.pool = upstream.global_pool
        self.norms = nn.ModuleList(getattr(upstream, f"bn_{k}") for k in range(count))
        self.convolutions = nn.ModuleList(getattr(upstream, f"fc_{k}") for k in range(count))

    def forward(self, activation: Tensor) -> Tensor:
        """Return (n, outputs) logits."""
        logits = []
        for output in range(len(self.norms)):
            activation = self.attend(activation, output)
            logits.append(self.logit(activation, output))
        return torch.cat(logits, dim=1)

    def attend(self, entering: Tensor, output: int) -> Tensor:
        """Return what one output sees, from what the output before it saw, or for the first from the activation."""
        return self.attention(F.relu(entering) if output == 0 else entering)

    def logit(self, attended: Tensor, output: int) -> Tensor:
        """Return (n, 1), the logit of one output from what the attention made of the activation for it."""
        pooled = self.norms[output](self.pool(attended, None))
        return self.convolutions[output](pooled).flatten(1)

    def run(self, activation: Tensor) -> HeadRun:
        """See `Head.run`."""
        return _ChainRun(self, activation)


class _ChainRun(HeadRun):
    """Gradients through a chain of attentions, each step taken back once for all the outputs behind it.

    An output-by-output backward pass would take step 1 back once for every output. Here all outputs' gradients
    are carried back together, as one batch in each step.
    """

    def __init__(self, head: AttentionChainHead, activation: Tensor):
        self._steps: list[tuple[Tensor, Tensor]] = []
        self._attended: list[Tensor] = []
        self._logits: list[Tensor] = []
        here = activation
        with torch.enable_grad():
            for output in range(len(head.norms)):
                entering = here.detach().clone().requires_grad_()
                leaving = head.attend(entering, output)
                self._steps.append((entering, leaving))
                here = leaving.detach().requires_grad_()
                self._attended.append(here)
                self._logits.append(head.logit(here, output)[0, 0])
        self.logits = torch.stack([logit.detach() for logit in self._logits])

    def gradients(self, outputs: Sequence[int]) -> Tensor:
        carried: dict[int, Tensor] = {}
        for step in range(max(outputs), -1, -1):
            if step in outputs:
                (carried[step],) = torch.autograd.grad(self._logits[step], self._attended[step], retain_graph=True)
            entering, leaving = self._steps[step]
            (back,) = torch.autograd.grad(
                leaving, entering, torch.stack(list(carried.values())), retain_graph=True, is_grads_batched=True
            )
            carried = dict(zip(carried, back, strict=True))
        return torch.cat([carried[output] for output in outputs])
