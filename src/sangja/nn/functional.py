"""`sangja.nn.functional`: layers, activations and losses as functions, under PyTorch's names."""

__all__: list[str] = []
