"""Reading MATLAB's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def mat_variables(file: Path) -> list[str]:
    """The names of the variables in a `.mat` file; raises as `read_mat` does."""
    from scipy.io import whosmat

    try:
        return [name for name, _, _ in whosmat(str(file))]
    except FileNotFoundError:
        raise
    except Exception as error:  # scipy's reader raises whatever a damaged byte leads it to
        raise _no_mat(file, error) from error


def read_mat(file: Path, variable: str) -> Any:
    """A variable of a `.mat` file (version 7 or older), structures as objects, dimensions of 1 left out.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is damaged or has no such variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(str(file), struct_as_record=False, squeeze_me=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # as above
        raise _no_mat(file, error) from error
    if variable not in content:
        there = sorted(name for name in content if not name.startswith("__"))
        raise ValueError(f"labels must hold the variable {variable!r} but {file} has {there}")
    return content[variable]


def _no_mat(file: Path, error: Exception) -> ValueError:
    return ValueError(f"labels must be a MATLAB file but {file} cannot be read: {error!r}")
