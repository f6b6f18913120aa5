"""What a run knows for its model card."""

import json
from pathlib import Path
from typing import Any

from dyml.errors import RunError
from dyml.files import write_text
from dyml.training.folder import RunFolder
from dyml.training.judge import open_source


def card_facts(run: str | Path) -> dict[str, Any]:
    """Return what a run folder says for a model card, as `model_card_kwargs` of `Embedder.push_to_hub`.

    Args:
        run: the folder; one of a model alone says nothing.

    Raises:
        RunError: its metrics.json cannot be read.
    """
    from dyml.training.settings import load_config

    folder = RunFolder(Path(run))
    facts: dict[str, Any] = {}
    if folder.metrics.is_file():
        try:
            facts["metrics"] = json.loads(folder.metrics.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RunError(f"{folder.metrics} is not JSON: {error}") from error
    if folder.config.is_file():
        config = load_config(folder.config)
        name = "the built-in glyphs" if config.data.root is None else f"`{Path(config.data.root).name}`"
        split = f", split `{config.data.train}`" if config.data.train else ""
        facts["data"] = f"Trained on {name}{split}, with `{config.loss.type}`."
    return facts


def write_card(
    run: str | Path, name: str | None = None, notes: str | None = None, license: str | None = None
) -> Path:
    """Write the README of a run's model anew, with what metrics and gauge say by now; return the file.

    Args:
        run: a run folder or a model folder.
        name, notes, license: as for `Embedder.generate_model_card`.
    """
    embedder, _ = open_source(str(run))
    folder = RunFolder(Path(run))
    target = (folder.model if folder.config.is_file() else folder.path) / "README.md"
    card = embedder.generate_model_card(**card_facts(run), name=name, notes=notes, license=license)
    write_text(target, str(card))
    return target
