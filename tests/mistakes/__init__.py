"""The usual mistakes of beginners, by topic; `tests/test_mistakes.py` makes them."""
