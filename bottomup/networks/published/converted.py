"""Published checkpoints as safe files: `bottomup weights convert`."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

FORMAT = "bottomup-published-1"


def is_converted(path: str | Path) -> bool:
    """Whether a file is one that `convert` wrote; False for any other, damaged ones too."""
    try:
        with safe_open(str(path), "np") as file:
            return bool((file.metadata() or {}).get("network_format") == FORMAT)
    except (SafetensorError, OSError):
        return False


def convert(path: str | Path, out: str | Path) -> str:
    """Write a published network's checkpoint as safetensors, with its `NetworkInfo` in the header.

    What the network does not use of the file, such as an optimiser's state, is left behind. `Detector` and
    `CropDetector` load the new file as they do the old one.

    Returns the network's family. Raises as `load_published` does, ValueError if `out` does not end in `.safetensors`,
    OSError if it cannot be written.
    """
    from safetensors.torch import save_file

    from bottomup.networks.backends.published import published_info
    from bottomup.networks.export.onnx import write_facts
    from bottomup.networks.published.families import load_published

    if Path(out).suffix.lower() != ".safetensors":
        raise ValueError(f"OUT must end in .safetensors but is {str(out)!r}")
    published = load_published(path)
    facts = write_facts(published_info(published))
    del facts["format"]  # of an ONNX file
    tensors = {
        name: value.contiguous()
        for name, value in published.network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    unfinished = Path(out).with_name(Path(out).name + ".part")
    save_file(tensors, str(unfinished), {**facts, "network_format": FORMAT, "family": published.family})
    unfinished.replace(out)
    return published.family
