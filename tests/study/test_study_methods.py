"""The table of methods, the budgets, and methods from a file."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from dyml.errors import ConfigError
from dyml.study.budgets import BUDGETS, PROXY_RATE, SETS, StudySet, choose_sets, differences, study_config
from dyml.study.method_files import choose_methods, read_methods
from dyml.study.methods import FAMILIES, SHIPPED, Method
from dyml.taxonomy import Taxonomy
from dyml.training.build import build_loss
from dyml.training.settings import load_config, shipped_config
from study_sets import make_set

GLYPHS = StudySet("glyphs", shipped_config("glyphs"))


@pytest.mark.parametrize("method", SHIPPED, ids=lambda method: method.key)
def test_every_method_trains(method: Method) -> None:
    labels = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 1, 0], [4, 2, 1], [5, 3, 1]]).repeat(4, 1)
    taxonomy = Taxonomy.from_labels(labels.numpy(), ("fine", "middle", "coarse"))
    config = study_config(GLYPHS, method, 0, "short")
    loss = build_loss(config, taxonomy)
    x = normalize(torch.randn(24, config.model.dim), dim=1).requires_grad_()
    loss(x, labels).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("method", SHIPPED, ids=lambda method: method.key)
def test_all_proxies_begin_one_long(method: Method) -> None:
    labels = torch.arange(600)[:, None] // torch.tensor([1, 10, 60])
    taxonomy = Taxonomy.from_labels(labels.numpy(), ("fine", "middle", "coarse"))
    config = study_config(GLYPHS, method, 0, "short")
    length = config.model.dim // (3 if config.model.head == "scales" else 1)
    for name, proxies in build_loss(config, taxonomy).named_parameters():
        assert length in proxies.shape, name
        assert float(proxies.detach().square().mean() * length) == pytest.approx(1, rel=0.1), name


def test_short_names_titles_and_families() -> None:
    assert (
        len({method.key for method in SHIPPED}) == len({method.title for method in SHIPPED}) == len(SHIPPED)
    )
    assert {method.family for method in SHIPPED} == set(FAMILIES) - {"own"}


@pytest.mark.parametrize("name", SETS)
def test_methods_differ_in_loss_and_head_alone(name: str) -> None:
    chosen = StudySet(name, shipped_config(name))
    for budget in BUDGETS:
        configs = [study_config(chosen, method, 1, budget) for method in SHIPPED]
        differing = {key for config in configs for key in differences(configs[0], config)}
        loss = {key for key in differing if key.startswith("loss.")}
        assert differing - loss == {"model.head", "model.dim"}


def test_the_full_budget_is_the_shipped_configuration() -> None:
    found = differences(load_config(GLYPHS.file), study_config(GLYPHS, SHIPPED[0], 0, "full"))
    assert {key.partition(".")[0] for key in found} == {"loss", "optim"}
    assert found["optim.proxy_lr"] == (0.0005, PROXY_RATE)


def test_budget_set_and_method_come_in_this_order(tmp_path: Path) -> None:
    method = Method(
        "mine",
        "Mine",
        {"type": "dyml.losses.CrossScaleLoss"},
        {"train.epochs": 7},
        {"glyphs": {"optim.lr": 0.5, "loss.scale": 9}},
    )
    config = study_config(GLYPHS, method, 4, "short", threads=2)
    assert (config.train.epochs, config.optim.lr, config.loss.args) == (7, 0.5, {"scale": 9})
    assert (config.train.seed, config.train.threads) == (4, 2)
    own = choose_sets([str(make_set(tmp_path / "set"))], None)[0]
    assert study_config(own, method, 0, "full").optim.lr == 0.002
    assert study_config(own, method, 0, "full").optim.proxy_lr == 0.01


def test_what_a_run_decides_is_no_difference() -> None:
    wanted = study_config(GLYPHS, SHIPPED[0], 0, "full")
    options = {"data.root": Path("elsewhere"), "data.channel_order": "stored"}
    data = wanted.data.model_copy(update={key.partition(".")[2]: value for key, value in options.items()})
    train = wanted.train.model_copy(update={"precision": "bf16-mixed", "threads": 8})
    decided = wanted.model_copy(update={"data": data, "train": train})
    assert differences(decided, wanted) == {}
    assert differences(wanted, decided) == {
        "data.channel_order": (None, "stored"),
        "train.precision": ("auto", "bf16-mixed"),
    }


def test_methods_are_chosen_in_the_order_of_the_table() -> None:
    assert [method.key for method in choose_methods(["cosface", "csl"])] == ["csl", "cosface"]
    assert choose_methods(None) == SHIPPED


def test_a_file_adds_methods_and_may_replace_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "csl: {title: My CSL, loss: {type: dyml.losses.CrossScaleLoss}}\n"
        "new+1:\n  loss: {type: a.B, k: [1, 2]}\n  settings: {model.dim: 66}\n  source: S\n"
    )
    methods = choose_methods(None, file)
    assert [method.key for method in methods] == [*(method.key for method in SHIPPED), "new+1"]
    assert methods[0].title == "My CSL"
    assert methods[-1] == Method("new+1", "new+1", {"type": "a.B", "k": [1, 2]}, {"model.dim": 66}, {}, "S")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no methods"),
        ("- csl", "must hold sections"),
        ("A b: {loss: {type: a.B}}", "mine.yaml, A b: a method's short name is of a-z"),
        ("mine: 3", "mine.yaml, mine must be a mapping with `loss:`; got 3"),
        ("mine: {los: {type: a.B}}", "unknown key 'los'. Did you mean 'loss'? Known are: title, loss"),
        ("mine: {title: x}", "mine.yaml, mine: `loss` must be a mapping with a type"),
        ("mine: {loss: {margin: 1}}", "`loss` must be a mapping with a type"),
        ("mine: {loss: {type: a.B}, settings: 3}", "`settings` must be a mapping; got 3"),
        (
            "mine: {loss: {type: a.B}, sets: {glyphs: 3}}",
            "`sets.glyphs` must be a mapping of settings; got 3",
        ),
        ("mine: {loss: {type: a.B}, family: x}", "`family` must be one of: made for several scales;"),
    ],
)
def test_faults_of_a_file_are_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_methods(file)
    assert said in str(error.value)


def test_a_set_without_a_test_split_is_refused(tmp_path: Path) -> None:
    file = make_set(tmp_path / "set")
    file.write_text(file.read_text().replace("  size: 16\n", "  size: 16\n  test: null\n", 1))
    with pytest.raises(ConfigError, match=r"squares\.yaml: the study judges every run"):
        study_config(choose_sets([str(file)], None)[0], SHIPPED[0], 0, "full")
