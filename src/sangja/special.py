"""`sangja.special`: special functions, under PyTorch's names."""

__all__: list[str] = []
