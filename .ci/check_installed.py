"""Whether the bottomup that is installed works by itself: its parts, and the sample, run from an empty folder."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
import bottomup
place = Path(bottomup.__file__).resolve().parent
assert place != Path(sys.argv[1]), f"{place} is the source"
"""


def main() -> None:
    bottomup = [sys.executable, "-m", "bottomup"]
    with tempfile.TemporaryDirectory() as folder:
        source = str(Path(__file__).resolve().parents[1] / "bottomup")
        for command in (
            [sys.executable, "-c", PROGRAM, source],
            [*bottomup, "--version"],
            [*bottomup, "doctor"],
            [*bottomup, "detect", "--sample", "--out", "out"],
        ):
            subprocess.run(command, cwd=folder, check=True)
        people = json.loads(Path(folder, "out", "results.json").read_text(encoding="utf-8"))
        assert len(people) == 1, f"the sample must show one person but {len(people)} were found"
        assert Path(folder, "out", "photographer_people.jpg").stat().st_size > 0
    print("the installed package works")


if __name__ == "__main__":
    main()
