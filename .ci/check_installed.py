"""Whether the bottomup that is installed works by itself: its parts, and the sample, run from an empty folder.

`--tests` runs the quick tests as well, all or those of the folders that follow, from a copy of them beside nothing:
what they import is what is installed. Tests of packages that are not installed skip, and those of the source tree are
left out (tests/conftest.py).
"""

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import sys
from pathlib import Path
import bottomup
place = Path(bottomup.__file__).resolve().parent
assert place != Path(sys.argv[1]), f"{place} is the source"
"""


def main() -> None:
    if sys.argv[1:] and sys.argv[1] != "--tests":
        sys.exit("usage: check_installed.py [--tests [FOLDER...]]")
    bottomup = [sys.executable, "-m", "bottomup"]
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            [sys.executable, "-c", PROGRAM, str(ROOT / "bottomup")],
            [*bottomup, "--version"],
            [*bottomup, "doctor"],
            [*bottomup, "detect", "--sample", "--out", "out"],
        ):
            subprocess.run(command, cwd=folder, check=True)
        people = json.loads(Path(folder, "out", "results.json").read_text(encoding="utf-8"))
        assert len(people) == 1, f"the sample must show one person but {len(people)} were found"
        assert Path(folder, "out", "photographer_people.jpg").stat().st_size > 0
    if sys.argv[1:]:
        run_tests(sys.argv[2:])
    print("the installed package works")


def run_tests(folders: list[str]) -> None:
    """Run the quick tests on the installed package; warnings of whatever versions are there are no errors."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "tests", Path(folder, "tests"), ignore=shutil.ignore_patterns("__pycache__"))
        options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
        lines = [f"{name} = {' '.join(options[name])}" for name in ("addopts", "testpaths")]
        lines += ["markers =", *(f"    {marker}" for marker in options["markers"])]
        Path(folder, "pytest.ini").write_text("\n".join(["[pytest]", *lines, ""]), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-n", "2"]
        subprocess.run([*command, *(f"tests/{name}" for name in folders)], cwd=folder, check=True)


if __name__ == "__main__":
    main()
