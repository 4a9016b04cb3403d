"""Rank 3: the vocabulary. Every operation, its formula and its derivative."""
