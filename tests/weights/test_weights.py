"""Networks by their names: where their files are, and where they come from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType

import pytest

import bottomup.weights
from bottomup.weights import find_weights, get_weights, list_weights, resolve_model
from bottomup.weights.download import is_intact
from bottomup.weights.registry import NETWORKS, Network, RemoteFile, get_network
from tests.makers.downloads import DATA, Server


@pytest.fixture
def registered(server: Server, monkeypatch: pytest.MonkeyPatch) -> Network:
    """A network of two files that the local server has."""
    network = Network("toy", "a toy", "Apache-2.0", (server.file("toy.xml"), server.file("toy.bin")))
    networks = MappingProxyType({"default": NETWORKS["default"], "toy": network})
    monkeypatch.setattr("bottomup.weights.registry.NETWORKS", networks)
    monkeypatch.setattr(bottomup.weights, "NETWORKS", networks)
    return network


def test_get_weights_puts_all_files_into_the_cache(registered: Network, server: Server, tmp_path: Path) -> None:
    assert find_weights("toy") is None
    path = get_weights("toy")
    assert path == tmp_path / "cache" / "toy" / "toy.xml"
    assert path.with_suffix(".bin").read_bytes() == DATA
    assert find_weights("toy") == path == get_weights("toy") == resolve_model("toy")
    assert len(server.ranges) == 2
    path.with_suffix(".bin").write_bytes(b"damaged")
    assert find_weights("toy") is None
    assert get_weights("toy") == path
    assert len(server.ranges) == 3


def test_the_offline_folder_comes_first(
    registered: Network, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = tmp_path / "offline" / "toy"
    offline.mkdir(parents=True)
    monkeypatch.setenv("BOTTOMUP_WEIGHTS", str(tmp_path / "offline"))
    (offline / "toy.xml").write_text("another release")
    assert find_weights("toy") is None  # the .bin is missing
    (offline / "toy.bin").write_text("of the same network")
    assert get_weights("toy") == offline / "toy.xml"
    assert server.ranges == []


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert bottomup.weights.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("BOTTOMUP_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert bottomup.weights.cache_folder() == tmp_path / "bottomup"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert bottomup.weights.cache_folder() == Path.home() / ".cache" / "bottomup"


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name must be one of \['default', .*'human-pose-estimation-0001'"):
        get_weights("human-pose")
    with pytest.raises(
        ValueError, match=r"model must be one of 'default', 'human-pose-estimation-0001', .* is 'humna'"
    ):
        resolve_model("humna")
    with pytest.raises(TypeError, match="model must be a name or a path but is a int"):
        resolve_model(5)  # type: ignore[arg-type]
    assert resolve_model("folder/network.xml") == Path("folder/network.xml")
    assert resolve_model(tmp_path / "a.safetensors") == tmp_path / "a.safetensors"


def test_the_registry_is_complete() -> None:
    assert [network.name for network in list_weights()][:2] == ["default", "human-pose-estimation-0001"]
    for network in list_weights():
        assert network.licence == "Apache-2.0" or network.licence == "MIT" or not network.commercial
        assert network.description
        assert network.family
        assert 0 <= network.ap < 1
        assert network.ap or network.page
        assert get_network(network.name) is network
        for file in network.files:
            assert (file.url.startswith("https://") and file.url.endswith(file.name)) or network.page
            assert file.size or not file.url
            assert int(file.sha256 or file.md5, 16)
            assert len(file.sha256) == 64 or not file.url, "what is fetched is checked by the whole sum"
        assert network.size == sum(file.size for file in network.files)
    urls = [file.url for network in list_weights() for file in network.files if file.url]
    assert len(set(urls)) == len(urls) == 20


def test_files_put_there_by_hand_are_known_by_what_is_published_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(DATA)
    whole, md5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
    for sha256, other, right in (
        (whole, "", True), (whole[:8], "", True), ("", md5, True),
        ("", whole[:32], False), (md5[:8], "", False), ("", "", False),
    ):  # fmt: skip
        assert is_intact(path, RemoteFile("a.pth", "", 0, sha256, other)) == right


def test_a_package_without_its_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottomup.weights, "_BUILT_IN", tmp_path / "default.safetensors")
    with pytest.raises(FileNotFoundError, match="the package must hold the built-in network"):
        get_weights("default")


def test_what_runs_a_network_is_asked_for_before_it_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs the package openvino: pip install .bottomup\[openvino\]"):
        resolve_model("human-pose-estimation-0001")
    assert list(tmp_path.iterdir()) == []
