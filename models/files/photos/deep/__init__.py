"""Samples of more than 8 bits: a mask changes their upper byte, and a copy keeps what lies below."""
