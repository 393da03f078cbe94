#!/bin/sh
# Install the wheel in folder $1 with the service into a new environment $2. TORCH_INDEX names where torch comes from.
set -eu
python3 -m venv "$2"
"$2/bin/pip" install --no-cache-dir --quiet ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "torch>=2.11"
"$2/bin/pip" install --no-cache-dir --quiet "$(ls "$1"/*.whl)[serve,openvino,batch]"
# opencv-python asks for the libraries of a screen, which a server has not; the other package holds the same module.
"$2/bin/pip" uninstall --quiet --yes opencv-python
"$2/bin/pip" install --no-cache-dir --quiet "opencv-python-headless>=4.12"
"$2/bin/python" -c "import cv2, bottomup.server"
