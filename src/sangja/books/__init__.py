"""The systems of the books behind sangja, under their own names, on the one engine."""
