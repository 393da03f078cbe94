"""The build is described in pyproject.toml and CMakeLists.txt; this names the extension's place."""

from setuptools import find_packages, setup

setup(cmake_source_dir=".", packages=find_packages(include=["bottomup", "bottomup.*"]))
