"""Programs that tests start beside Python."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def is_missing(program: str) -> NoReturn:
    """Skip the test, unless BOTTOMUP_SERVICES says that what `.ci/services` installs has to be there."""
    message = f"{program} is not there: .ci/services installs what tests need beside Python"
    if os.environ.get("BOTTOMUP_SERVICES"):
        pytest.fail(message)
    pytest.skip(message)
