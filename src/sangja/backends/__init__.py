"""`sangja.backends`: switches of the libraries that PyTorch computes with. Scripts may set them;
here they change nothing: sangja computes with NumPy and kernels of its own. `native` is the switch
of those kernels."""

from sangja.backends import cuda, cudnn, mkl, mkldnn, mps, native, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "native", "openmp"]
