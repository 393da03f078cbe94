"""The tests lie where what they test lies: `tests/X/test_Y.py` beside `bottomup/X/Y.py`."""

from __future__ import annotations

from pathlib import Path

import bottomup

PACKAGE, TESTS = Path(bottomup.__file__).parent, Path(__file__).parent
# What no one module does, each with the reason why it stands alone.
TOPICS = {
    "test_dependencies": "the floors in pyproject.toml",
    "test_detector_inputs": "of the detector, what it takes: every kind of picture",
    "test_docs": "the documentation",
    "test_imports": "the order of the modules",
    "test_init": "the face of the package",
    "test_layout": "the places of the tests",
    "test_real_photos": "the whole path, on photos",
    "test_triton": "the model in docker/, which is no part of the package",
    "test_without": "the package without one of its dependencies",
    "commands/test_faults": "commands that are killed, or whose disk is full",
    "datasets/test_faults": "of labels, the habits and faults of converters",
    "datasets/test_forms": "one small file for each other form of labels",
    "evaluation/test_golden": "figures of published evaluations",
    "grouping/test_bindings": "the compiled graph as Python sees it",
    "grouping/test_crowds": "the whole grouping, on crowds",
    "grouping/test_fuzz": "the whole grouping, on random graphs",
    "grouping/test_golden": "the whole grouping, kept from before",
    "grouping/test_interrupt": "Ctrl-C in the compiled loops",
    "grouping/reference/test_names": "the three folders of the grouping against each other",
    "kernels/test_cuda": "all kernels on a GPU against those on the CPU",
    "kernels/test_cuda_memory": "memory of a GPU",
    "kernels/test_cuda_on_host": "the CUDA sources compiled for the processor",
    "kernels/test_fuzz": "all kernels, on random fields",
    "kernels/test_limb_reach": "of limbs, how far a joint looks for partners",
    "kernels/test_limb_scores": "of limbs, fields along which the integral is known",
    "kernels/test_names": "the three folders of the kernels against each other",
    "kernels/test_threads": "the threads of the extension",
    "networks/backends/test_agreement": "all backends against each other",
    "training/test_finetune": "a whole training on joints of one's own",
    "video/test_moving_photos": "the whole path from frames to ids, on photos",
    "video/test_streams": "the whole path from the network to people",
}


def mirrored(test: Path) -> bool:
    """Whether a module, a private one, a reference implementation or a folder of the package has a test's name."""
    folder, name = PACKAGE / test.parent, test.stem.removeprefix("test_")
    modules = [folder / f"{prefix}{name}.py" for prefix in ("", "_", "reference/")]
    return any(path.is_file() for path in modules) or (folder / name).is_dir() or folder.name == name


def test_every_test_lies_beside_what_it_tests() -> None:
    tests = {path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    stray = {str(test.with_suffix("")) for test in tests if not mirrored(test)}
    assert stray == set(TOPICS)


def test_every_folder_of_tests_is_one_of_the_package() -> None:
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (PACKAGE / folder).is_dir()] == []
