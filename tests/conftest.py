"""Fixtures that several test files share."""

from __future__ import annotations

import os
from collections.abc import Generator
from importlib.util import find_spec
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


# Tests of the source tree, which are no use to a package that is installed elsewhere.
_OF_THE_SOURCE = (
    "benchmarks/test_jobs.py", "grouping/reference/test_names.py", "kernels/test_cuda_on_host.py",
    "kernels/test_names.py", "test_dependencies.py", "test_docs.py", "test_imports.py",
)  # fmt: skip
_HERE = Path(__file__).parent
collect_ignore = [] if (_HERE.parent / "pyproject.toml").is_file() else [str(_HERE / name) for name in _OF_THE_SOURCE]

# Packages without which a part of the package works: torch and what the extras bring.
_OPTIONAL = (
    "torch", "networkx", "openvino", "onnx", "onnxruntime", "pycocotools", "matplotlib", "trackeval", "yaml",
    "pydantic", "skimage", "av", "pyarrow", "pandas", "fsspec", "aiohttp", "ray", "fastapi", "uvicorn", "starlette",
    "websockets", "prometheus_client",
)  # fmt: skip
_LACKING = tuple(name for name in _OPTIONAL if find_spec(name) is None)
if "torch" in _LACKING:
    collect_ignore.append(str(_HERE / "training"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file that imports a package which is not installed."""
    report = yield
    call = getattr(report, "call", None)
    lacking = _lacking(call.excinfo.value) if report.failed and call is not None and call.excinfo else None
    if lacking:
        report.outcome, report.longrepr = "skipped", (str(collector.path), 0, f"Skipped: {lacking} is not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Skip a test whose fixtures need a package which is not installed."""
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that comes to need one."""
    return (yield from _skipping())


def _skipping() -> Generator[None, None, None]:
    try:
        return (yield)
    except Exception as error:
        if lacking := _lacking(error):
            pytest.skip(f"{lacking} is not installed")
        raise


def _lacking(error: BaseException | None) -> str | None:
    """The package for want of which something failed, if there is one."""
    while error is not None:
        name = (getattr(error, "name", None) or "").split(".")[0]
        if isinstance(error, ModuleNotFoundError) and name in _LACKING:
            return name
        error = error.__cause__ or error.__context__
    return None


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
