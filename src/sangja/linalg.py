"""`sangja.linalg`: linear algebra, under PyTorch's names."""

__all__: list[str] = []
