"""One optimiser out of two: row-sparse parameters are stepped by SparseAdam, all others as configured."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer, SparseAdam


class SparseRows(Optimizer):
    """Steps parameters with sparse gradients by SparseAdam, which touches only the rows that a step has used.

    All else is the given optimiser's. Groups and state are shared with it, so that a schedule, `state_dict`
    and `load_state_dict` see one optimiser. Sparse rows do not decay.

    Args:
        dense: the optimiser of all other parameters.
        parameters: those with sparse gradients.
        lr: their rate.
        betas: see torch.optim.SparseAdam.
        eps: see torch.optim.SparseAdam.
    """

    def __init__(
        self,
        dense: Optimizer,
        parameters: Sequence[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.dense, self.sparse = dense, SparseAdam(list(parameters), lr, betas, eps)
        super().__init__([*dense.param_groups, *self.sparse.param_groups], {})
        self._link()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Evaluate the closure where there is one, then step both; return its value."""
        value = None if closure is None else closure()
        self.dense.step()
        self.sparse.step()
        return value

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of another one of the same parameters."""
        super().load_state_dict(state_dict)
        self._link()

    def _link(self) -> None:
        """Let the two optimisers work on this one's groups and state."""
        count = len(self.param_groups) - len(self.sparse.param_groups)
        self.dense.param_groups = self.param_groups[:count]
        self.sparse.param_groups = self.param_groups[count:]
        self.dense.state = self.sparse.state = self.state
