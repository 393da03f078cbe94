"""Facts of the backbones that torch's modules and the exported layers share."""

from __future__ import annotations

# Mean and spread of natural photos, RGB 0..1 (those of ImageNet).
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# EfficientNet-lite maps 0..255 to (value - 127) / 128.
EFFICIENTNET_MEAN, EFFICIENTNET_STD = (127 / 255,) * 3, (128 / 255,) * 3
# OpenPose's networks of Caffe see value / 256 - 0.5.
CAFFE_MEAN, CAFFE_STD = (128 / 255,) * 3, (256 / 255,) * 3
# bearpaw/pytorch-pose and pytorch-cpn take a mean off and divide by nothing but 255.
HOURGLASS_MEAN, HOURGLASS_STD = (0.44044283, 0.4440267, 0.43268284), (1.0,) * 3
CPN_MEAN, CPN_STD = (122.7717 / 255, 115.9465 / 255, 102.9801 / 255), (1.0,) * 3
EFFICIENTNET_EPSILON = 1e-3
"""Of batch normalisation, as in the original."""
EFFICIENTNET_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
)
"""Of each stage: kernel, stride, how often the channels are multiplied inside, channels, blocks (Tan and Le, table 1).
The last one (320 channels at stride 32) and the classifier are left out: they speak of classes, and cost as much as the
rest of stride 32."""


def check_shape(backbone: str, stride: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    """ValueError unless a backbone of this kind can have this stride and these widths and depths."""
    if backbone == "efficientnet_lite" and stride != 8:
        raise ValueError(f"stride must be 8 for an efficientnet_lite backbone but is {stride}")
    if backbone == "efficientnet_lite" and (len(widths) != 1 or len(depths) != 2):
        raise ValueError(f"widths must hold 1 number and depths 2 but are {widths} and {depths}")
    if backbone == "pyramid" and (len(widths) != 4 or len(depths) != 3):
        raise ValueError(f"widths must hold 4 numbers and depths 3 but are {widths} and {depths}")
    if backbone == "hrnet" and (len(widths) != 1 or depths):
        raise ValueError(f"widths must hold 1 number and depths none but are {widths} and {depths}")
    if backbone == "hourglass" and (widths or len(depths) != 1 or min(depths) < 1):
        raise ValueError(f"widths must hold none and depths 1 number from 1 on but are {widths} and {depths}")
    if backbone == "vgg" and stride != 8:
        raise ValueError(f"stride must be 8 for a vgg backbone but is {stride}")
    if backbone in ("resnet", "resnet50", "vgg", "cpn") and (len(widths) != 4 or len(depths) != 4 or min(depths) < 1):
        raise ValueError(f"widths must hold 4 numbers and depths 4 from 1 on but are {widths} and {depths}")


def check_stages(
    backbone: str, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...], stages: int
) -> None:
    """`check_shape` for a backbone that makes the predictions itself."""
    check_shape(backbone, stride, widths, depths)
    if stride != 4:
        raise ValueError(f"stride must be 4 for a backbone {backbone} but is {stride}")
    if backbone == "cpn" and stages != 2:
        raise ValueError(f"stages must be 2 for a backbone cpn, GlobalNet and RefineNet, but is {stages}")
    if channels % (multiple := {"hourglass": 4, "cpn": 2}[backbone]):
        raise ValueError(f"channels must be a multiple of {multiple} for a backbone {backbone} but is {channels}")


def vgg_layers(widths: tuple[int, ...], depths: tuple[int, ...]) -> list[tuple[str, int, int, bool]]:
    """Name, inputs, outputs and whether it is pooled of each convolution of VGG, as OpenPose calls them."""
    layers, inputs = [], 3
    for group, (width, depth) in enumerate(zip(widths, depths, strict=True), 1):
        for number in range(1, depth + 1):
            layers.append((f"conv{group}_{number}", inputs, width, number == depth and group < len(widths)))
            inputs = width
    return layers
