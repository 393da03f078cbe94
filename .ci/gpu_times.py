"""Device times of the CUDA kernels, against copying the same fields on the same GPU: `gpu_times.py [REPORT.json]`."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bottomup import decode_fields
from bottomup.fields import draw_fields
from bottomup.kernels import PeakOptions, find_peaks_and_limbs
from bottomup.kernels.fused import GpuTimings
from bottomup.skeletons import get_skeleton

SKELETON = get_skeleton("openpose18")
STAGES = ("detect", "sort_peaks", "score", "sort_pairs", "copy", "total")


def crowd_fields(people: int, height: int, width: int, batch: int, seed: int = 1) -> tuple[Any, Any]:
    """(B, K, h, w) and (B, 2L, h, w) float32 on the GPU; four crowds, mirrored and shifted to fill the batch."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(min(batch, 4)):
        size = height / 4
        centres = rng.uniform((size / 3, size / 2), (width - size / 3, height - size / 2), (people, 1, 2))
        joints = centres + rng.normal(0, 1, (people, SKELETON.num_joints, 2)) * (size / 8, size / 4)
        joints = joints.clip(0, (width - 1, height - 1))
        seen = np.ones(joints.shape[:2])
        drawn.append(draw_fields(joints, seen, SKELETON, height=height, width=width, stride=1, sigma=2.0, limb_width=2))
    maps = [np.roll(drawn[i % len(drawn)].heatmaps, 7 * (i // 4), axis=-1) for i in range(batch)]
    pafs = [np.roll(drawn[i % len(drawn)].pafs, 7 * (i // 4), axis=-1) for i in range(batch)]
    noise = torch.Generator(device="cuda").manual_seed(seed)
    heatmaps = torch.from_numpy(np.stack(maps)).cuda()
    heatmaps += 0.01 * torch.rand(heatmaps.shape, generator=noise, device="cuda")  # no two cells alike, none too high
    return heatmaps, torch.from_numpy(np.stack(pafs)).cuda()


def medians(call: Callable[[dict[str, float]], object], repeats: int) -> dict[str, float]:
    """Medians over calls of the milliseconds that each stage took, and of the call seen from outside ("wall")."""
    rows: list[dict[str, float]] = []
    for _ in range(repeats + 5):
        row: dict[str, float] = {}
        begin = time.perf_counter()
        call(row)
        row["wall"] = 1000 * (time.perf_counter() - begin)
        rows.append(row)
    return {name: statistics.median(row[name] for row in rows[5:]) for name in rows[0]}


def copy_time(tensor: Any, repeats: int) -> float:
    """Milliseconds to copy a tensor on the GPU."""
    target = torch.empty_like(tensor)
    times = []
    for _ in range(repeats + 5):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        target.copy_(tensor)
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times[5:])


def measure(heatmaps: Any, pafs: Any, repeats: int, **options: Any) -> dict[str, float]:
    def call(row: dict[str, float]) -> None:
        stages = GpuTimings()
        find_peaks_and_limbs(heatmaps, pafs, SKELETON, timings=stages, **options)
        row.update(asdict(stages))

    return medians(call, repeats)


def show(name: str, row: dict[str, float]) -> None:
    print(f"{name:34}" + "".join(f"{row[stage] * 1000:10.1f}" for stage in (*STAGES, "wall")))


def main(report: Path | None) -> None:
    results: dict[str, Any] = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    print(results["device"])
    print(f"{'microseconds':34}" + "".join(f"{stage:>10}" for stage in (*STAGES, "wall")))

    heatmaps, pafs = crowd_fields(50, 270, 480, 32)
    variants: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "32 x 18 x 270 x 480 float32": (heatmaps, pafs, {}),
        "float16": (heatmaps.half(), pafs.half(), {}),
        "bfloat16": (heatmaps.bfloat16(), pafs.bfloat16(), {}),
        "18 of 19 channels": (torch.cat([heatmaps, heatmaps[:, :1]], 1)[:, :18], pafs, {}),
        "channels last": (
            heatmaps.contiguous(memory_format=torch.channels_last),
            pafs.contiguous(memory_format=torch.channels_last),
            {},
        ),
        "every second column": (torch.repeat_interleave(heatmaps, 2, dim=3)[..., ::2], pafs, {}),
        "upsampled by 2": (heatmaps, pafs, {"peaks": PeakOptions(upsample=2)}),
    }
    for name, (maps, fields, options) in variants.items():
        row = measure(maps, fields, 30, **options)
        size = maps.numel() * maps.element_size()
        row["heatmap_bytes_per_s"] = size / row["detect"] * 1000
        row["copy_bytes_per_s"] = 2 * size / copy_time(maps.contiguous(), 30) * 1000
        row["share_of_copy"] = row["heatmap_bytes_per_s"] / row["copy_bytes_per_s"]
        results[name] = row
        show(name, row)
        print(f"{'':34}{row['heatmap_bytes_per_s'] / 1e12:.2f} TB/s, {row['share_of_copy']:.2f} of the copy's")
    del heatmaps, pafs, variants

    for people in (1, 10, 50, 200):
        maps, fields = crowd_fields(people, 184, 328, 32)
        single, batch = measure(maps[:1], fields[:1], 100), measure(maps, fields, 50)
        results[f"{people} people"] = {"single": single, "batch of 32": batch}
        show(f"184 x 328, {people} people", single)
        show(f"184 x 328, {people} people, 32 images", batch)
        print(f"{'':34}the batch takes {batch['total'] / (32 * single['total']):.3f} of 32 single calls")
        decode = medians(lambda row, maps=maps, fields=fields: decode_whole(maps, fields, row), 10)
        results[f"{people} people"]["decode"] = decode
        print(f"{'':34}decode_fields of one: {decode['wall']:.2f} ms")
    low, low_pafs = crowd_fields(20, 46, 82, 32)
    results["stride 8, upsampled by 8"] = measure(low, low_pafs, 30, peaks=PeakOptions(upsample=8))
    show("46 x 82 upsampled by 8, 32 images", results["stride 8, upsampled by 8"])
    if report is not None:
        report.write_text(json.dumps(results, indent=1))


def decode_whole(maps: Any, fields: Any, row: dict[str, float]) -> None:
    row["done"] = 1
    decode_fields(maps[0], fields[0], SKELETON, stride=8)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
