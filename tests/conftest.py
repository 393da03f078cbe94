"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# What tests compile is not kept on the computer that runs them; tests of that switch it on.
os.environ["BOTTOMUP_COMPILED"] = "0"

# A busy computer is no reason to fail a test: nothing here goes by the clock.
# The same examples in every run, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=search finds others.
_SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile(
    "bottomup", deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW
)
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("bottomup"), max_examples=20)
hypothesis.settings.register_profile("search", deadline=None, suppress_health_check=_SLOW)


def pytest_configure(config: pytest.Config) -> None:
    """Of every property, the run without slow tests tries a fifth of the examples; before the tests are imported."""
    usual = "quick" if "not slow" in config.getoption("markexpr") else "bottomup"
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", usual))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of photos and weights that the environment variable BOTTOMUP_DATA names; without it the test skips."""
    folder = os.environ.get("BOTTOMUP_DATA")
    if not folder:
        pytest.skip("BOTTOMUP_DATA does not name a folder of test photos and weights")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"BOTTOMUP_DATA must name a folder but is {folder!r}")
    return path


@pytest.fixture(scope="session")
def openvino_network(data_root: Path) -> Path:
    """Open Model Zoo's human-pose-estimation-0001."""
    pytest.importorskip("openvino")
    path = data_root / "weights" / "human-pose-estimation-0001" / "human-pose-estimation-0001.xml"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path
