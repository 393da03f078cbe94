"""Reference implementation of the grouping in plain NumPy; csrc/grouping, file for file, is what runs."""
