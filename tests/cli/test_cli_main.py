"""The command line as a user runs it: quick to start, one line for a mistake, JSON where it is asked for."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import dyml
from dyml import __version__
from dyml.data import write_manifest

TINY = ["--data.size", "16", "--model.backbone_args.width", "4", "--sampler.batch_size", "8"]
TINY += ["--sampler.per_class", "2", "--train.epochs", "1", "--train.threads", "1", "--data.channels", "1"]
TINY += ["--loss.margins", "[0.2, 0.3]"]


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey pictures of 2 coarse and 8 fine classes, in a folder with a blank and an umlaut in its name."""
    root = tmp_path_factory.mktemp("my pictures ü")
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {name: [] for name in ("path", "fine", "coarse", "split")}
    for fine in range(8):
        for i in range(4):
            pixels = rng.integers(0, 80, (18, 18), dtype=np.uint8)
            pixels[:, fine * 2 : fine * 2 + 2] += 150
            Image.fromarray(pixels).save(root / f"{fine} {i}.png")
            split = "test" if fine % 2 else "train"
            for column, value in zip(rows.values(), (f"{fine} {i}.png", f"f{fine}", f"c{fine // 4}", split)):
                column.append(value)
    write_manifest(rows, root / "manifest.csv")
    return root


@pytest.fixture(scope="module")
def run(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "one"
    done = dyml("train", "--data.root", stripes, "--run", run, *TINY)
    assert done.returncode == 0, done.stderr
    assert "overall" in done.stdout
    assert "report.html" in done.stdout
    assert "loss" in done.stderr
    return run


def test_the_version() -> None:
    done = dyml("--version")
    assert (done.returncode, done.stdout) == (0, f"dyml {__version__}\n")


def test_the_installed_command_fails_with_one_line() -> None:
    command = [str(Path(sys.executable).with_name("dyml")), "eval", "no such run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["eval", "-h"], ["data", "--help"], ["demo", "-h"]]
)
def test_help_teaches_and_loads_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom dyml.cli import main\n"
        f"sys.argv = ['dyml', *{words!r}]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'timm', 'lightning', 'pyarrow', 'PIL', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_import_is_light() -> None:
    code = "import dyml, sys; assert 'torch' not in sys.modules; print(dyml.Taxonomy.__name__)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "Taxonomy\n", done.stderr
    assert time.perf_counter() - start < 20  # a hang, not a measurement: benchmarks/ measures


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["train", "--train.epoch", "3"], "Did you mean 'epochs'?"),
        (["train", "--config", "grocey"], "Did you mean 'grocery'?"),
        (["train", "--data.root", "nowhere"], "nowhere: no such file or folder"),
        (
            ["train", "--train.accelerator", "abacus"],
            "this machine cannot train with {'accelerator': 'abacus'",
        ),
        (["train", "--resume", "no such run"], "no run folder no such run"),
        (["train", "--resume", "x", "--optim.lr", "1"], "--resume"),
        (["eval", "no such run"], "no run or model folder"),
        (["eval"], "name a run or model"),
        (["trian"], "No such command"),
    ],
)
def test_a_mistake_is_one_message_and_a_status(
    words: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = dyml(*words)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


def test_settings_can_be_shown(stripes: Path) -> None:
    done = dyml("train", "--config", "grocery", "--data.root", stripes, "--train.seed", "3", "--show")
    assert "seed: 3" in done.stdout
    shown = dyml("train", "--config", "grocery", "--options", "--optim.lr", "0.5").stdout
    lines = {line.split()[0]: line.split(None, 2)[1:] for line in shown.splitlines() if "--" in line}
    assert lines["--optim.lr"] == ["0.5", "the highest rate of the embedder"]
    assert lines["--loss.start"] == ["null", "of CrossScaleLoss"]
    assert lines["--data.root"][0] == "null"
    assert "--loss.taxonomy" not in lines
    assert "--sampler.seed" not in lines
    assert all(len(line.split(None, 2)) == 3 for line in shown.splitlines() if "--" in line)


def test_eval_prints_a_table_or_json(run: Path, stripes: Path, tmp_path: Path) -> None:
    table = dyml("eval", run)
    assert table.returncode == 0, table.stderr
    assert [line.split()[0] for line in table.stdout.splitlines() if line[:1].isalpha()][:4] == [
        "scale",
        "fine",
        "coarse",
        "overall",
    ]
    out, report = tmp_path / "m.json", tmp_path / "r.html"
    as_json = dyml(
        "eval",
        run / "model",
        "--data",
        stripes,
        "--split",
        "test",
        "--json",
        "--out",
        out,
        "--report",
        report,
    )
    value = json.loads(as_json.stdout)
    assert value == json.loads(out.read_text())
    assert value["overall"] == pytest.approx(
        json.loads((run / "metrics.json").read_text())["test"]["overall"]
    )
    assert report.stat().st_size > 1000


def test_eval_on_all_rows(run: Path, stripes: Path) -> None:
    value = json.loads(dyml("eval", run, "--data.root", stripes, "--split", "all", "--json").stdout)
    assert value["fine"]["queries"] == 32


def test_eval_of_a_model_needs_data(run: Path) -> None:
    done = dyml("eval", run / "model")
    assert done.returncode == 2
    assert "--data" in done.stderr


def test_a_second_run_in_the_folder_is_refused(run: Path, stripes: Path) -> None:
    done = dyml("train", "--data.root", stripes, "--run", run, *TINY)
    assert done.returncode == 2
    assert f"dyml train --resume {run}" in done.stderr


def test_an_interrupted_run_says_how_to_go_on_and_exits_as_shells_expect(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dyml import training
    from dyml.training.stopping import interrupted

    def stopped(folder: Path) -> None:
        raise interrupted(folder)

    monkeypatch.setattr(training, "resume", stopped, raising=False)
    done = dyml("train", "--resume", run)
    assert done.returncode == 130
    assert done.stderr == f"interrupted; go on with `dyml train --resume {run}`\n"
