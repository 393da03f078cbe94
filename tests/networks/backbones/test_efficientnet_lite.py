"""EfficientNet-lite: the same network as the published one, and gradients as torch computes them."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from bottomup.networks.backbones.efficientnet_lite import EfficientNetLite, FixedNormConv
from bottomup.networks.depthwise import depthwise_conv
from bottomup.networks.field_network import FieldNetwork, NetworkConfig
from bottomup.training.pretrained import PRETRAINED, imagenet_weights

# Kernel, first stride, expansion, channels, blocks of each stage of the published lite0, the last one included.
STAGES = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)  # fmt: skip
# ImageNet's numbers of the tabby, tiger and Egyptian cats, and of espresso and cup.
CATS, COFFEE = {281, 282, 285}, {967, 968}


def small(depth: float = 1.0) -> EfficientNetLite:
    torch.manual_seed(0)
    return EfficientNetLite(depth, 8, 8, (8,), (0, 0)).eval()


def published_shapes() -> dict[str, tuple[int, ...]]:
    """The tensors of lite0 up to stride 32 without its last stage, by their published names."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, norm: str, *shape: int) -> None:
        shapes[f"{name}.weight"] = shape
        shapes.update(
            dict.fromkeys((f"{norm}.{n}" for n in ("weight", "bias", "running_mean", "running_var")), shape[:1])
        )

    conv("_conv_stem", "_bn0", 32, 3, 3, 3)
    inputs, numbers = 32, itertools.count()
    for kernel, _, expansion, outputs, blocks in STAGES[:-1]:
        for block in (f"_blocks.{next(numbers)}" for _ in range(blocks)):
            inner = inputs * expansion
            if expansion > 1:
                conv(f"{block}._expand_conv", f"{block}._bn0", inner, inputs, 1, 1)
            conv(f"{block}._depthwise_conv", f"{block}._bn1", inner, 1, kernel, kernel)
            conv(f"{block}._project_conv", f"{block}._bn2", outputs, inner, 1, 1)
            inputs = outputs
    return shapes


def published_forward(weights: dict[str, torch.Tensor], x: torch.Tensor, stages: int) -> list[torch.Tensor]:
    """The published network in plain words: the output of each stage."""

    def conv(x: torch.Tensor, name: str, norm: str, stride: int = 1) -> torch.Tensor:
        weight = weights[f"{name}.weight"]
        kernel = weight.shape[-1]
        total = max(kernel - stride, 0)  # TensorFlow's "same" for sides that the stride divides
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        x = functional.conv2d(x, weight, None, stride, groups=x.shape[1] if weight.shape[1] == 1 else 1)
        values = (weights[f"{norm}.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *values, eps=1e-3)

    x = functional.relu6(conv(x, "_conv_stem", "_bn0", 2))
    seen, numbers = [], itertools.count()
    for _, step, expansion, _, blocks in STAGES[:stages]:
        for number in range(blocks):
            block, y = f"_blocks.{next(numbers)}", x
            if expansion > 1:
                y = functional.relu6(conv(y, f"{block}._expand_conv", f"{block}._bn0"))
            y = functional.relu6(conv(y, f"{block}._depthwise_conv", f"{block}._bn1", step if number == 0 else 1))
            y = conv(y, f"{block}._project_conv", f"{block}._bn2")
            x = y if number == 0 else x + y
        seen.append(x)
    return seen


def own_forward(network: EfficientNetLite, x: torch.Tensor) -> list[torch.Tensor]:
    x, seen = functional.relu6(network.stem(x)), []
    for stage in network.stages:
        x = stage(x)
        seen.append(x)
    return seen


def random_weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    weights = {}
    for name, shape in published_shapes().items():
        # Of a size that keeps the activations between 0 and 6 apart from each other.
        spread = 1.5 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.2
        weights[name] = torch.randn(shape, generator=generator) * spread
        if name.endswith(("running_var",)) or ("bn" in name and name.endswith("weight")):
            weights[name] = weights[name].abs() + 0.8
    return weights


@pytest.mark.slow
@torch.inference_mode()
def test_computes_what_the_published_network_does() -> None:
    weights, network = random_weights(), small()
    network.load_imagenet(weights)
    x = torch.randn(2, 3, 64, 96)
    for own, published in zip(own_forward(network, x), published_forward(weights, x, 6), strict=True):
        assert published.std() > 0.01
        torch.testing.assert_close(own, published, rtol=1e-3, atol=1e-4)


def test_takes_every_tensor_once_and_names_those_that_do_not_fit() -> None:
    weights, network = random_weights(), small()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_imagenet(weights)
    changed = {
        n for n, t in network.state_dict().items() if n.startswith(("stem", "stages")) and (t != before[n]).any()
    }
    assert len(changed) == len(weights)
    del weights["_blocks.3._bn0.bias"]
    weights["_conv_stem.weight"] = weights["_conv_stem.weight"][:, :1]
    with pytest.raises(ValueError, match=r"weights must be .* lacks \['_conv_stem.weight', '_blocks.3._bn0.bias'\]"):
        network.load_imagenet(weights)
    with pytest.raises(ValueError, match="weights must be those of an EfficientNet-lite of this depth"):
        small(1.1).load_imagenet(random_weights())


@pytest.mark.slow
@torch.inference_mode()
def test_the_published_weights_know_a_cat_and_a_coffee() -> None:
    for package in (PRETRAINED["efficientnet_lite0"], "skimage"):
        pytest.importorskip(package)
    from skimage import data

    weights, network = imagenet_weights("efficientnet_lite0"), small()
    network.load_imagenet(weights)
    for name, answers in (("chelsea", CATS), ("coffee", COFFEE)):
        photo = getattr(data, name)()
        side = min(photo.shape[:2])
        square = photo[:side, (photo.shape[1] - side) // 2 :][:, :side]
        x = torch.from_numpy(cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA)).permute(2, 0, 1)[None]
        x = (x / 255 - torch.tensor(network.mean).view(3, 1, 1)) / torch.tensor(network.std).view(3, 1, 1)
        seen = published_forward(weights, x, 7)
        for own, published in zip(own_forward(network, x), seen, strict=False):
            torch.testing.assert_close(own, published, rtol=1e-3, atol=1e-3)
        norm = [weights[f"_bn1.{n}"] for n in ("running_mean", "running_var", "weight", "bias")]
        head = functional.batch_norm(functional.conv2d(seen[-1], weights["_conv_head.weight"]), *norm, eps=1e-3)
        logits = functional.relu6(head).mean((2, 3)) @ weights["_fc.weight"].T + weights["_fc.bias"]
        assert int(logits.argmax()) in answers


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [(3, 1, 0, 9), (3, 1, 1, 8), (3, 2, 0, 9), (3, 2, 0, 10), (5, 1, 0, 9), (5, 1, 2, 7), (5, 2, 0, 11), (5, 2, 0, 12)],
)
def test_gradients_are_those_of_torch(kernel: int, stride: int, padding: int, size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    shapes = ((2, 6, size, size + 2), (6, 1, kernel, kernel), (6,))
    inputs = [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]
    expected = functional.conv2d(*inputs, stride, padding, groups=6)
    result = depthwise_conv(*inputs, stride, padding)
    torch.testing.assert_close(result, expected)
    outer = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    for own, other in zip(
        torch.autograd.grad(result, inputs, outer), torch.autograd.grad(expected, inputs, outer), strict=True
    ):
        torch.testing.assert_close(own, other)


def test_gradients_in_bfloat16_are_close_and_of_the_weights_type() -> None:
    torch.manual_seed(2)
    layer = FixedNormConv(16, 16, 5, groups=16)
    x = torch.randn(2, 16, 12, 12)
    layer(x).square().mean().backward()
    exact = {name: parameter.grad.clone() for name, parameter in layer.named_parameters() if parameter.grad is not None}
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(x)
    output.float().square().mean().backward()
    assert output.dtype == torch.bfloat16
    assert set(exact) == {"weight", "scale", "shift"}
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert (parameter.grad - exact[name]).norm() < 0.02 * exact[name].norm()


@pytest.mark.parametrize("kernel", [1, 3])
def test_normalisation_is_that_of_batch_norm_with_fixed_statistics(kernel: int) -> None:
    torch.manual_seed(3)
    layer = FixedNormConv(5, 7, kernel)
    for tensor in (layer.scale.data, layer.shift.data, layer.running_mean):
        tensor.normal_()
    layer.running_var.uniform_(0.1, 3)
    x = torch.randn(2, 5, 6, 6)
    expected = functional.batch_norm(
        functional.conv2d(x, layer.weight, padding=kernel // 2), layer.running_mean, layer.running_var, layer.scale,
        layer.shift, eps=1e-3,
    )  # fmt: skip
    torch.testing.assert_close(layer.train()(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 4}, "stride must be 8 for an efficientnet_lite backbone but is 4"),
        ({"widths": (8, 8)}, r"widths must hold 1 number and depths 2 but are \(8, 8\)"),
        ({"depths": (1,)}, r"widths must hold 1 number and depths 2 but are \(8,\) and \(1,\)"),
    ],
)
def test_refuses_other_shapes(changes: dict[str, object], message: str) -> None:
    values = {"backbone": "efficientnet_lite0", "channels": 8, "widths": (8,), "depths": (0, 1)} | changes
    with pytest.raises(ValueError, match=message):
        FieldNetwork(NetworkConfig(**values))  # type: ignore[arg-type]
