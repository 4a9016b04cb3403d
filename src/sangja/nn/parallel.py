"""`nn.DataParallel`: one batch divided among graphics cards; without cards, the module itself."""

from __future__ import annotations

from typing import Any

from sangja.core.device import check_device
from sangja.nn.module import Module


class DataParallel(Module):
    """A module whose batches would be divided among the cards `device_ids`. As in PyTorch on a
    machine without cards, it hands every call on to `module`; the keys of its `state_dict()` begin
    with `module.`.

    Raises `DeviceError` where `device_ids` names a device that is not there.

    >>> from sangja import nn
    >>> list(DataParallel(nn.Linear(2, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        for device in device_ids or ():
            check_device(device)
        self.module = module
        self.device_ids: list[int] = []
        self.dim = dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What `module` gives for the same arguments."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """`module(*inputs)`, where `inputs` may be one tensor; divided among no cards."""
    for device in device_ids or ():
        check_device(device)
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
