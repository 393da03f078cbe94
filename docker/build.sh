#!/bin/sh
# Build the wheel of the source folder $1 into $2. Needs a C++ compiler, and nvcc for one with CUDA.
set -eu
python3 -m venv "$2/tools"
"$2/tools/bin/pip" install --no-cache-dir --quiet "build>=1.2"
"$2/tools/bin/python" -m build --wheel --outdir "$2/dist" "$1"
rm -rf "$2/tools"
