"""The configuration: typed, strict, every fault named with its mend."""

from pathlib import Path

import pytest
import torch
import yaml

from dyml.errors import ConfigError
from dyml.training.build import build_embedder, build_loss, build_optimizer
from dyml.training.config import Config
from dyml.training.datamodule import open_manifest
from dyml.training.settings import dump_text, load_config, option_table, parse_options, shipped_config

FOLDER = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(FOLDER.rglob("*.yaml"))


def test_options_lie_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("optim: {lr: 0.5}\ntrain: {epochs: 7}\n")
    config = load_config(file, {"optim.lr": 0.25, "loss.margins": [0.1, 0.2]})
    assert (config.optim.lr, config.train.epochs) == (0.25, 7)
    assert config.loss.args == {"margins": [0.1, 0.2]}


def test_a_written_configuration_reads_back_the_same(tmp_path: Path) -> None:
    config = load_config(None, {"data.root": "a b/ü", "loss.margins": [0.1], "augment.flip": True})
    file = tmp_path / "config.yaml"
    file.write_text(dump_text(config), encoding="utf-8")
    assert load_config(file) == config


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"optim.learning": 1}, "optim"),
        ({"train.epoch": 3}, "unknown key 'train.epoch'. Did you mean 'epochs'?"),
        ({"modell.dim": 3}, "unknown key 'modell'. Did you mean 'model'?"),
        ({"train.epochs": 0}, "train.epochs"),
        ({"train.epochs": "many"}, "train.epochs"),
        ({"train.precision": "half"}, "32-true"),
        ({"augment.rotte": 3}, "Did you mean 'rotate'?"),
        ({"train": 3}, "train"),
    ],
)
def test_a_fault_is_named(options: dict[str, object], text: str) -> None:
    if options == {"optim.learning": 1}:  # an option of the named optimiser: found when it is made
        config = load_config(None, options)
        with pytest.raises(ConfigError, match=r"optim: AdamW has no option 'learning'"):
            build_optimizer(config.optim, torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        return
    with pytest.raises(ConfigError) as caught:
        load_config(None, options)
    assert text in str(caught.value)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"train.epochz": 3, "data.sise": 4})
    assert "epochz" in str(caught.value)
    assert "sise" in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        load_config(file)


def test_a_missing_file_names_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match=r"no configuration grocry\. Did you mean 'grocery'\?"):
        shipped_config("grocry")


def test_options_parse() -> None:
    words = ["--optim.lr", "1e-3", "--data.ram=false", "--loss.margins", "[0.1, .2]", "--data.root", "a b"]
    assert parse_options(words) == {
        "optim.lr": 1e-3,
        "data.ram": False,
        "loss.margins": [0.1, 0.2],
        "data.root": "a b",
    }


@pytest.mark.parametrize(
    "words", [["lr", "3"], ["--optim.lr"], ["--optim.lr", "--train.epochs", "3"], ["--a", "[1"]]
)
def test_options_that_do_not_parse(words: list[str]) -> None:
    with pytest.raises(ConfigError):
        parse_options(words)


def test_a_negative_number_is_a_value() -> None:
    assert parse_options(["--loss.margin", "-0.5"]) == {"loss.margin": -0.5}


def test_every_setting_is_listed() -> None:
    listed = option_table()
    for section, field in Config.model_fields.items():
        for key in field.annotation.model_fields:  # type: ignore[union-attr]
            assert f"--{section}.{key} " in listed


def test_loss_options_are_checked_against_the_loss(blobs: Path, tiny: Config) -> None:
    taxonomy = open_manifest(tiny.data).only("train").taxonomy
    wrong = load_config(None, {"loss.marigns": [0.1, 0.2, 0.3]})
    with pytest.raises(ConfigError, match=r"no option 'marigns'\. Did you mean 'margins'\?"):
        build_loss(wrong, taxonomy)
    nowhere = load_config(None, {"loss.type": "dyml.losses.CrossScalesLoss"})
    with pytest.raises(ConfigError, match=r"Did you mean 'CrossScaleLoss'\?"):
        build_loss(nowhere, taxonomy)


def test_the_seed_decides_the_start(tiny: Config, blobs: Path) -> None:
    taxonomy = open_manifest(tiny.data).only("train").taxonomy
    first, again = (build_embedder(tiny, taxonomy).projection.weight for _ in range(2))
    other = build_embedder(load_config(None, {**_flat(tiny), "train.seed": 5}), taxonomy).projection.weight
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_a_shipped_configuration_is_valid(file: Path) -> None:
    assert yaml.safe_load(file.read_text())
    config = load_config(file)
    assert shipped_config(file.relative_to(FOLDER).with_suffix("").as_posix()) == file
    assert config.train.epochs > 0


def _flat(config: Config) -> dict[str, object]:
    return {
        f"{section}.{key}": value
        for section, values in config.model_dump(mode="json").items()
        for key, value in values.items()
    }
