"""Muon's orthogonal steps in float32, for processors that only imitate bfloat16."""

from __future__ import annotations

from typing import Any

import torch


class Float32Muon(torch.optim.Muon):
    """torch's Muon, whose iterations are in bfloat16 wherever it runs, with these in float32; the state is the same."""

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
