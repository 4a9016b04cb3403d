"""Machine code for this processor, made from Python through LLVM: loops, products, convolutions.

Nothing here knows a tensor or a gradient: kernels work on addresses of memory. llvmlite is loaded
when the first kernel is made, not before.
"""
