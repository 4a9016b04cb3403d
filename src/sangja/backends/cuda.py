"""`sangja.backends.cuda`: no kernel runs on a card; the switches for its products may be set."""

from types import SimpleNamespace

from sangja.core.accelerators import is_available as is_built, nothing_to_do

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
)
enable_flash_sdp = enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = nothing_to_do

__all__ = [
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "is_built",
    "matmul",
]
