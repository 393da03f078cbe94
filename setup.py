"""The build is described in pyproject.toml and CMakeLists.txt; this names the extension's place."""

from setuptools import setup

setup(cmake_source_dir=".", packages=["bottomup"])
