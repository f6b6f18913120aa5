"""README and docs say nothing that does not run: Python blocks, dyml commands, links between pages.

Blocks of one page run in order, in an empty folder beside `pictures/`, a tiny picture set. Commands that
train get options that make the run short; nothing else about them is changed.
"""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHORT = "--data.size 16 --model.backbone_args.width 4 --model.backbone dyml_small --train.epochs 1"
SHORT += " --sampler.batch_size 16 --sampler.per_class 2 --train.threads 1"
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NOT_RUN = ("make ", "git ", "cd ", "pip ", "python -m pip ", "tensorboard ", "dyml demo", "#")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for fine in range(20):
        folder = tmp_path / "pictures" / f"kind{fine // 10}" / f"group{fine // 5}" / f"item{fine}"
        folder.mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 90, (20, 20, 3), dtype=np.uint8)
            pixels[:, fine : fine + 1, fine // 10] += 120
            Image.fromarray(pixels).save(folder / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_runs(page: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, object] = {"__name__": "docs"}
    content = page.read_text(encoding="utf-8")
    if "dyml data scan" not in content:  # the page takes up where docs/data.md ends
        run_commands("dyml data scan pictures && dyml data split pictures", monkeypatch)
    for language, text in BLOCK.findall(content):
        if language == "python":
            exec(compile(text, str(page), "exec"), names)
        elif language in ("bash", "console", "sh"):
            run_commands(text, monkeypatch)
        else:
            assert language in ("text", "yaml", "csv", "json"), f"{page.name}: a block in {language}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def run_commands(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in text.replace("\\\n", " ").splitlines():
        for part in line.removeprefix("$ ").partition(" #")[0].split("&&"):
            command = part.strip()
            if not command or command.startswith(NOT_RUN):
                continue
            assert command.startswith("dyml "), f"not a command that can be tested: {command}"
            if command.startswith("dyml train") and "--resume" not in command and "--" in command:
                command = f"{command} {SHORT}"
            monkeypatch.setattr(sys, "argv", shlex.split(command))
            with pytest.raises(SystemExit) as end:
                main()
            assert not end.value.code, f"{command} ended with {end.value.code}"
