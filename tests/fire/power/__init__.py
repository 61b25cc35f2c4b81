"""A disk that forgets: what was not made to last is gone when the power is."""
