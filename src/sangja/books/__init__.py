"""Rank 5: the books behind sangja, under their own names, over the one engine."""
