"""Reference implementation of what csrc/drawing does, in plain NumPy."""
