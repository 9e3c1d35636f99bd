"""Muon: momentum whose matrix updates are made orthogonal by five Newton–Schulz steps (https://kellerjordan.github.io/posts/muon/)."""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
WEIGHT_DECAY = 0.01


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters, lr: float, momentum: float = 0.95):
        super().__init__(parameters, {'lr': lr, 'momentum': momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for p in group['params']:
                if p.grad is None:
                    continue
                state = self.state[p]
                if 'average' not in state:
                    state['average'] = torch.zeros_like(p)
                state['average'].lerp_(p.grad, 1 - group['momentum'])
                by_shape.setdefault(p.shape, []).append((p, p.grad.lerp(state['average'], group['momentum'])))
            for (rows, columns), pairs in by_shape.items():
                updates = orthogonal(torch.stack([u for _, u in pairs]))
                for (p, _), update in zip(pairs, updates):
                    p.mul_(1 - group['lr'] * WEIGHT_DECAY)
                    p.add_(update.to(p.dtype), alpha=-group['lr'] * max(1, rows / columns) ** 0.5)


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """x [n, rows, columns] -> bf16, singular values near 1."""
    a, b, c = COEFFICIENTS
    x = x.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
