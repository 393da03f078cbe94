"""Settings: the defaults stand, they cannot be changed, and whatever makes no sense is named."""

from __future__ import annotations

import math
import pydoc
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup._extension import compiled
from bottomup.settings import Settings, default_settings

NUMBERS = [one.name for one in fields(Settings) if one.type in ("int", "float", "int | None", "float | None")]
WHOLE = [one.name for one in fields(Settings) if one.type in ("int", "int | None")]
FLAGS = [one.name for one in fields(Settings) if one.type == "bool"]
STAGES = [one.name for one in fields(Settings) if str(one.type).endswith("Options")]


def test_every_setting_is_of_a_kind_that_is_checked() -> None:
    others = {one.name for one in fields(Settings)} - {*NUMBERS, *FLAGS, *STAGES}
    assert others == {"scales", "assignment", "merge", "pose_denoiser"}


@pytest.mark.parametrize("value", [1, True, Path("poses.safetensors"), ("default",)])
def test_a_pose_denoiser_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^pose_denoiser must be a str but is "):
        Settings(pose_denoiser=value)
    assert Settings(pose_denoiser=None).pose_denoiser is None
    assert STAGES == [
        "peaks", "limbs", "traces", "tags", "grouping", "fragments", "sharing", "results", "matching", "pose_nms",
    ]  # fmt: skip


def test_help_fits_a_screen_and_explains_every_setting() -> None:
    shown = pydoc.render_doc(Settings, renderer=pydoc.plaintext).splitlines()
    assert len(shown) <= 45
    for one in fields(Settings):
        assert any(line.strip(" |").startswith(f"{one.name}: ") for line in shown)


@pytest.mark.parametrize("stage", STAGES)
def test_every_option_of_a_stage_has_a_reason_and_bounds_that_hold_its_default(stage: str) -> None:
    for one in fields(getattr(Settings(), stage)):
        assert one.metadata["reason"].endswith(".")
        assert one.metadata["low"] <= one.default <= one.metadata["high"]


@pytest.mark.parametrize("stage", ["limbs", "traces"])
def test_the_compiled_struct_has_the_same_fields(stage: str) -> None:
    options = getattr(Settings(), stage)
    struct = compiled(options)
    names = {name for name in dir(type(struct)) if not name.startswith("_")}
    assert names == {one.name for one in fields(options)}
    for name in names:
        assert getattr(struct, name) == np.float32(getattr(options, name))
    assert compiled(replace(options)) is struct


def test_the_defaults_are_made_once() -> None:
    assert default_settings() is default_settings()
    assert default_settings() == Settings()


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"peak_treshold": 0.1}, "did you mean peak_threshold"),
        ({"coverage": 0.5}, r"did you mean limbs=LimbOptions\(coverage=...\)"),
        ({"personcost": 0.5}, r"did you mean grouping=GroupingOptions\(person_cost=...\)"),
    ],
)
def test_the_nearest_name_is_suggested(given: dict[str, Any], hint: str) -> None:
    with pytest.raises(TypeError, match=rf"^Settings has no option \w+: {hint}\?$"):
        Settings(**given)


def test_settings_are_values() -> None:
    settings = Settings()
    assert settings == Settings()
    assert hash(settings) == hash(Settings())
    assert settings != Settings(flip=True)
    assert replace(settings, threads=2) == Settings(threads=2)
    for setting in fields(Settings):
        with pytest.raises(FrozenInstanceError):
            setattr(settings, setting.name, 1)


def test_every_default_may_be_given() -> None:
    given = {setting.name: getattr(Settings(), setting.name) for setting in fields(Settings)}
    assert Settings(**given) == Settings()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["1", None, True, (1,), 1j])
def test_numbers_must_be_numbers(name: str, value: Any) -> None:
    if name in ("person_threshold", "input_height") and value is None:
        assert getattr(Settings(**{name: None}), name) is None  # leaves it to the network
        return
    with pytest.raises(TypeError, match=f"^{name} must be a (whole )?number but is "):
        Settings(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, -math.inf, -2.0])
def test_numbers_must_lie_within_their_bounds(name: str, value: float) -> None:
    if name in WHOLE:
        with pytest.raises(TypeError, match=f"^{name} must be a whole number but is {value}$"):
            Settings(**{name: value})
        value = -2
    with pytest.raises(ValueError, match=f"^{name} must be (at least|from) .* but is {value}$"):
        Settings(**{name: value})


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_flags_must_be_true_or_false(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be True or False but is {value!r}$"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("input_height", 1, 0),
        ("peak_threshold", 0.01, 0.0),
        ("limb_threshold", -1.0, 1.5),
        ("min_joints", 1, 0),
        ("person_threshold", 0.0, -0.1),
        ("person_threshold", 1.0, 1.1),
        ("joint_threshold", 0.0, -0.1),
        ("threads", 1, 0),
        ("threads", 8, 10**10),
    ],
)
def test_bounds(name: str, allowed: float, refused: float) -> None:
    assert getattr(Settings(**{name: allowed}), name) == allowed  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"^{name} must be .* but is {refused}$"):
        Settings(**{name: refused})  # type: ignore[arg-type]


@pytest.mark.parametrize("scales", [(1,), [1], np.array([1.0]), (0.5, 1, 2.0)])
def test_scales_become_a_tuple_of_floats(scales: Any) -> None:
    settings = Settings(scales=scales)
    assert settings.scales == tuple(float(scale) for scale in scales)
    assert all(type(scale) is float for scale in settings.scales)


@pytest.mark.parametrize(
    ("scales", "error"),
    [
        ((), ValueError),
        ((1, 0), ValueError),
        ((-1,), ValueError),
        ((math.nan,), ValueError),
        ((math.inf,), ValueError),
        (1, TypeError),
        (None, TypeError),
        (("big",), TypeError),
        ("12", TypeError),
        (b"x", TypeError),
    ],
)
def test_scales_must_be_positive_numbers(scales: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^scales must .* but is "):
        Settings(scales=scales)


@pytest.mark.parametrize("assignment", ["best", "", None, 1])
def test_assignment_must_be_known(assignment: Any) -> None:
    with pytest.raises(ValueError, match=rf"^assignment must be one of \['sweep', .*\] but is {assignment!r}$"):
        Settings(assignment=assignment)


@pytest.mark.parametrize("merge", ["peaks", "", None])
def test_merge_must_be_known(merge: Any) -> None:
    with pytest.raises(ValueError, match=rf"^merge must be one of \['fields', 'candidates'\] but is {merge!r}$"):
        Settings(merge=merge)
