"""Computing one batch in several threads.

torch would split every layer among the cores and wait at each for the slowest. On a machine that does other work
too, that wait is most of the time: with one of two cores taken it trained 15 crops a second, against 90 in the way
of this file. Here each core carries a small part of the batch through the whole network and then fetches the next.
"""

from __future__ import annotations

import copy
import queue
from concurrent.futures import ThreadPoolExecutor

import torch

from bottomup.networks.field_network import FieldNetwork
from bottomup.training.config import TrainConfig
from bottomup.training.crop_dataset import Batch
from bottomup.training.modes import make_loss


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is quicker there than float32: other processors, and GPUs before Ampere, only imitate it.

    On a CPU without the instructions (AVX-512 BF16, AMX) a convolution takes seven times as long as in float32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Replicas:
    """Copies of a network that share its weights, but not their gradients, one for each thread.

    Batch normalisation sees the parts of a batch one by one. With more than one thread a part falls to the one that is
    free, so sums are rounded in another order each time; with one thread a run repeats bit for bit.
    """

    def __init__(self, network: FieldNetwork, config: TrainConfig, threads: int) -> None:
        self._network, self._config = network, config
        self._loss = make_loss(config, network.skeleton)
        self._replicas = [copy.deepcopy(network) for _ in range(threads)]
        for replica in self._replicas:
            for own, shared in zip(replica.parameters(), network.parameters(), strict=True):
                own.data = shared.data
        self._bfloat16 = config.bfloat16 and computes_in_bfloat16(torch.device("cpu"))
        self._pool = ThreadPoolExecutor(threads)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def backward(self, batch: Batch) -> torch.Tensor:
        """See `bottomup.training.devices.Computer.backward`."""
        parts: queue.SimpleQueue[tuple[torch.Tensor, ...]] = queue.SimpleQueue()
        for part in zip(*(torch.split(whole, self._config.micro_batch) for whole in batch), strict=True):
            parts.put(part)
        share = 1 / len(batch[0])
        losses = list(self._pool.map(lambda replica: self._work(replica, parts, share), self._replicas))
        self._gather()
        return torch.stack(losses).sum(0)

    def _work(
        self, replica: FieldNetwork, parts: queue.SimpleQueue[tuple[torch.Tensor, ...]], share: float
    ) -> torch.Tensor:
        total = torch.zeros(2)
        replica.zero_grad(set_to_none=False)
        while True:
            try:
                images, *target = parts.get_nowait()
            except queue.Empty:
                return total
            pixels = images.to(memory_format=torch.channels_last).float() / 255
            with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
                stages = replica.logits(pixels)
            losses = share * len(images) * torch.stack(self._loss(stages, *target))
            losses.sum().backward()  # type: ignore[no-untyped-call]
            total += losses.detach()

    @torch.no_grad()
    def _gather(self) -> None:
        for shared, *own in zip(self._network.parameters(), *(r.parameters() for r in self._replicas), strict=True):
            gradients = [parameter.grad for parameter in own if parameter.grad is not None]
            if not gradients:
                continue  # it is frozen
            # In the memory layout of the parameter: the fused optimiser walks through both as they lie.
            shared.grad = torch.empty_like(shared).copy_(gradients[0])
            for gradient in gradients[1:]:
                shared.grad += gradient
        for shared, *own in zip(self._network.buffers(), *(r.buffers() for r in self._replicas), strict=True):
            if shared.is_floating_point():
                shared.copy_(sum(own) / len(own))
            for buffer in own:
                buffer.copy_(shared)
