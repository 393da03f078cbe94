"""The best grouping there is, by integer programming: what the sweep is measured against."""
