"""`bottomup train`: what reaches the training, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from bottomup.training import TrainConfig

run = CliRunner().invoke


def test_train_reports_a_bad_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("hours = 'many'")
    result = run(app, ["train", str(recipe)])
    assert result.exit_code == 2
    assert "recipe.toml" in result.stderr


def test_train_hands_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, calls = tmp_path / "recipe.toml", []
    recipe.write_text('hours = 3.0\nseed = 5\n[[sources]]\nfolder = "photos"\n')
    monkeypatch.setattr(
        "bottomup.training.train_parts", lambda parts, *, resume: calls.append((parts, resume)) or Path("weights.here")
    )
    result = run(app, ["train", str(recipe), "--data", "d", "--out", "o", "--hours", "0.5", "--resume"])
    assert result.exit_code == 0, result.output
    assert "weights.here" in result.stdout
    (config,), resume = calls[0]
    assert (config.data, config.out, config.hours, config.seed, resume) == ("d", "o", 0.5, 5, True)


def test_train_finds_the_recipes_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(
        "bottomup.training.train_parts", lambda parts, *, resume: calls.append([part.out for part in parts]) or "here"
    )
    result = run(app, ["train", "default", "--out", "o"])
    assert result.exit_code == 0, result.output
    assert calls == [
        ["o-part-1", "o-part-2", "o-part-3", "o-part-4", "o-part-5", "o-part-6", "o-part-7", "o-part-8", "o"]
    ]
    result = run(app, ["train", "default", "--steps", "3", "--ablate"])
    assert result.exit_code == 2
    assert "CONFIG must be a recipe of one part with --ablate but" in result.output


def test_train_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "a.toml"
    recipe.write_text("out = 'runs/a'\n[[sources]]\nfolder = 'a'")
    calls = []

    def packed(parts: list[TrainConfig], out: Path, **options: object) -> list[Path]:
        calls.append((parts[0].out, out, options))
        return [out / "part-000-of-001.zip"]

    monkeypatch.setattr("bottomup.training.packing.pack_recipe", packed)
    result = run(app, ["train", str(recipe), "--pack", "--out", "p", "--long-side", "320", "--teacher-scales", "0.5,1"])
    assert result.exit_code == 0, result.output
    assert calls == [("runs/a", Path("p"), {"long_side": 320, "teacher_scales": (0.5, 1.0)})]
    assert "part-000-of-001.zip" in result.output
    result = run(app, ["train", str(recipe), "--pack"])
    assert result.exit_code == 2
    assert "--out must name the folder for the packed files" in result.output


def test_train_ablates_and_shows_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "a.toml"
    recipe.write_text("[[sources]]\nfolder = 'a'")
    (tmp_path / "ablation.md").write_text("| run |\n")
    seen = []
    monkeypatch.setattr(
        "bottomup.training.ablation.ablate", lambda config: seen.append(config.steps) or tmp_path / "ablation.csv"
    )
    result = run(app, ["train", str(recipe), "--steps", "7", "--ablate"])
    assert (result.exit_code, result.output, seen) == (0, "| run |\n", [7])
    monkeypatch.undo()
    result = run(app, ["train", str(recipe), "--ablate"])
    assert result.exit_code == 2
    assert "steps must be above 0 for an ablation" in result.output
