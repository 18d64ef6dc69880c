"""Optimizers: AdamW, SGD with momentum, and Muon, whose steps are in float32 on processors without bfloat16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import nn

from models.engines.device import choose_precision

Optimizers = Literal["adamw", "sgd", "muon"]
PIXELS = 4
"""A kernel with at most so many input channels reads pixels, not features: AdamW updates it, not Muon."""


class Optimizer(Protocol):
    """What the training loop calls of an optimizer."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups, whose `lr` may be set."""
        ...

    def zero_grad(self, set_to_none: bool = ...) -> None:
        """Forget the gradient."""
        ...

    def step(self) -> Any:
        """Change the weights by their gradient."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that an exact resume needs."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state of `state_dict`. Raises KeyError or ValueError for another optimizer's state."""
        ...


def make_optimizer(net: nn.Module, kind: Optimizers, rate: float, decay: float) -> Optimizer:
    """The optimizer of a network; weights of one dimension or none (norms, biases) do not decay.

    Args:
        net: on its device and in its memory format: neither may change afterwards.
        kind: "adamw", "sgd" with a momentum of 0.9, or "muon".
        rate, decay: learning rate and weight decay; Muon's steps are scaled so that AdamW's rates suit it.
    """
    known = [p for p in net.parameters() if p.requires_grad]
    heavy, light = [p for p in known if p.ndim > 1], [p for p in known if p.ndim <= 1]
    if kind == "sgd":
        return torch.optim.SGD(groups(heavy, light, decay), lr=rate, momentum=0.9)
    if kind == "adamw":
        return torch.optim.AdamW(groups(heavy, light, decay), lr=rate, fused=True)
    inner = [p for p in heavy if p.shape[1] > PIXELS]
    first = [p for p in heavy if p.shape[1] <= PIXELS]
    return Muon(inner, torch.optim.AdamW(groups(first, light, decay), lr=rate, fused=True), rate, decay)


def groups(heavy: Sequence[nn.Parameter], light: Sequence[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Two groups of parameters: those that decay, and those that do not."""
    return [{"params": list(heavy), "weight_decay": decay}, {"params": list(light), "weight_decay": 0.0}]


class Muon:
    """Orthogonalised momentum for kernels (Jordan 2024), as matrices of outputs by all they read; AdamW for the rest.

    `torch.optim.Muon` wants matrices, so it is given views of the kernels' own memory.
    """

    def __init__(self, kernels: Sequence[nn.Parameter], rest: torch.optim.AdamW, rate: float, decay: float) -> None:
        """`rest`: the optimizer of the other parameters."""
        self._kernels = list(kernels)
        self._matrices = [nn.Parameter(as_matrix(kernel.detach())) for kernel in kernels]
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            assert kernel.data_ptr() == matrix.data_ptr(), "a kernel that is not contiguous in memory"
        multiplied = bool(kernels) and choose_precision("auto", kernels[0].device) == "bf16"
        kind = torch.optim.Muon if multiplied else Float32Muon
        self._muon = kind(self._matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        self._rest = rest

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both."""
        return [*self._muon.param_groups, *self._rest.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient."""
        for kernel in self._kernels:
            kernel.grad = None
        self._rest.zero_grad(set_to_none)

    def step(self) -> None:
        """Change the weights by their gradient."""
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else as_matrix(kernel.grad)
        self._muon.step()
        self._rest.step()

    def state_dict(self) -> dict[str, Any]:
        """The states of both."""
        return {"muon": self._muon.state_dict(), "rest": self._rest.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the states of both. Raises KeyError for another optimizer's."""
        self._muon.load_state_dict(state_dict["muon"])
        self._rest.load_state_dict(state_dict["rest"])


def as_matrix(kernel: torch.Tensor) -> torch.Tensor:
    """A kernel (out, in, ...) as a matrix (out, inputs), a view where its memory is contiguous.

    The order of the inputs does not matter to Muon; channels last follows the memory of such kernels.
    """
    return kernel.movedim(1, -1).flatten(1) if kernel.ndim > 2 else kernel


class Float32Muon(torch.optim.Muon):
    """torch's Muon, with its iterations in float32 instead of bfloat16; the state is the same."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change the weights by their gradient (Jordan 2024), scaled as AdamW's (Liu et al., arXiv 2502.16982)."""
        assert closure is None, "the gradient is there already"
        for group in self.param_groups:
            momentum = group["momentum"]
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(matrix.grad)
                mean = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
                ahead = matrix.grad.lerp(mean, momentum)  # Nesterov's
                turned = orthogonalized(ahead, group["ns_coefficients"], group["ns_steps"], group["eps"])
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(turned, alpha=-0.2 * max(matrix.shape) ** 0.5 * group["lr"])


def orthogonalized(
    matrix: torch.Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> torch.Tensor:
    """A matrix (A, B) whose singular values have come near 1, by Newton and Schulz's iteration in float32."""
    a, b, c = coefficients
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=eps)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
