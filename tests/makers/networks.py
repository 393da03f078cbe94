"""Networks without any training."""

from __future__ import annotations

from pathlib import Path

import torch

from bottomup.networks.field_network import FieldNetwork, NetworkConfig, save_network


def save_random_network(path: Path, skeleton: str) -> Path:
    """Write a small random network, loud enough that its outputs differ from its biases; returns the path."""
    torch.manual_seed(0)
    network = FieldNetwork(NetworkConfig(skeleton=skeleton, channels=8, widths=(8, 8, 8, 8), depths=(1, 1, 1)))
    for stage in network.stages:
        torch.nn.init.normal_(stage.predict.weight, std=20.0)
    save_network(network, path)
    return path
