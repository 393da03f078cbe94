"""What a client may ask for: a network and the public settings, within the service's bounds."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bottomup.server.errors import invalid
from bottomup.server.networks import ServedNetworks
from bottomup.server.options import ServerOptions
from bottomup.settings import DEFAULT_INPUT_HEIGHT, Settings


def _numbers(value: Any) -> Any:
    """`1,1.5` and `scales=1&scales=1.5` mean the same."""
    values = value if isinstance(value, list) else [value]
    return [part for entry in values for part in (entry.split(",") if isinstance(entry, str) else [entry])]


def _words(value: Any) -> Any:
    return [word for word in _numbers(value) if word]


Layers = Annotated[list[Literal["heatmaps", "pafs"]], BeforeValidator(_words)]


class SettingParameters(BaseModel):
    """The public settings; what is left out is what the network was loaded with. See `bottomup.Settings`."""

    model_config = ConfigDict(extra="forbid")

    input_height: int | None = Field(default=None, description="pixels of height at which the network sees the picture")
    max_aspect: float | None = Field(default=None, description="no side is scaled to more than this many input heights")
    scales: Annotated[list[float], BeforeValidator(_numbers)] | None = Field(
        default=None, description="sizes to look at, relative to the input height: `1,1.5`"
    )
    flip: bool | None = Field(default=None, description="look at the mirrored picture too")
    merge: Literal["fields", "candidates"] | None = Field(
        default=None, description="several looks: average, or take joints of each"
    )
    merge_distance: float | None = Field(default=None, description="extents that joints of two looks may be apart")
    peak_threshold: float | None = Field(default=None, description="lowest heatmap value of a joint candidate")
    limb_threshold: float | None = Field(default=None, description="lowest mean of a limb's samples")
    person_threshold: float | None = Field(default=None, description="people with a lower score are left out")
    joint_threshold: float | None = Field(default=None, description="joints with a lower score are missing")
    min_joints: int | None = Field(default=None, description="people with fewer joints are left out")
    trace: bool | None = Field(default=None, description="find joints at which only limbs end")
    assignment: Literal["sweep", "single", "limb", "greedy"] | None = Field(
        default=None, description="how candidates are assigned to people"
    )
    nms: bool | None = Field(default=None, description="leave out people whom a better one makes redundant")


class DetectParameters(SettingParameters):
    """What may follow the question mark of `/v1/detect`."""

    model: str | None = Field(default=None, description="a name that `/v1/networks` gives; else the first")
    format: Literal["rows", "coco", "openpose"] = Field(default="rows", description="the shape of the answer")
    layers: Layers = Field(default=[], description="fields to give beside the people, in rows: `heatmaps,pafs`")


SETTING_NAMES = tuple(SettingParameters.model_fields)


def network_name(networks: ServedNetworks, model: str | None) -> str:
    """The network that is meant; `RefusalError` names those there are."""
    if model is None:
        return networks.names[0]
    if model not in networks.names:
        raise invalid({"model": f"must be one of {networks.names} but is {model[:100]!r}"})
    return model


def chosen_settings(
    networks: ServedNetworks, name: str, parameters: SettingParameters, options: ServerOptions
) -> Settings:
    """The network's settings with the client's; `RefusalError` (422) names each one that is wrong."""
    given = parameters.model_dump(exclude_none=True, include=set(SETTING_NAMES))
    if "scales" in given:
        given["scales"] = tuple(given["scales"])
    base = networks.default(name).settings
    wrong: dict[str, str] = {}
    for setting, value in given.items():  # one by one, so that all wrong ones are told at once
        try:
            dataclasses.replace(base, **{setting: value})
        except (ValueError, TypeError) as error:
            wrong[setting] = re.sub(rf"^{setting} ", "", str(error))
    if wrong:
        raise invalid(wrong)
    settings = dataclasses.replace(base, **given)
    if "scales" in given and len(settings.scales) > options.max_scales:
        wrong["scales"] = f"must be at most {options.max_scales} numbers but are {len(settings.scales)}"
    height = (settings.input_height or DEFAULT_INPUT_HEIGHT) * max(settings.scales)
    if height > options.max_input_height and {"scales", "input_height"} & set(given):
        name = "input_height" if "input_height" in given else "scales"
        wrong[name] = f"must let the network see at most {options.max_input_height} pixels of height but has {height:g}"
    if settings.max_aspect > base.max_aspect:
        wrong["max_aspect"] = f"must be at most {base.max_aspect:g} but is {settings.max_aspect:g}"
    if wrong:
        raise invalid(wrong)
    return settings
