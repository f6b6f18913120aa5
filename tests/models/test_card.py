"""The card says what is known; gauge and card travel with the weights to the hub and back."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import LocalEntryNotFoundError

import dyml.models.embedder as module
from dyml.errors import InputError
from dyml.gauge.storage import weights_digest
from dyml.models import Embedder
from dyml.taxonomy import Taxonomy

METRICS: dict[str, Any] = {
    "test": {
        "kind": {"mAP": 0.25, "ASI": 0.5, "CMC@1": 1.0, "R-precision": None, "queries": 4},
        "overall": {"mAP": 0.25, "ASI": 0.5, "CMC@1": 1.0, "R-precision": None},
        "multi": {"H-AP": 0.1},
        "protocol": {"rule": "leave-one-out"},
    },
    "baselines": {},
    "split": "test",
    "pictures": 1234,
}


def mark(scale: str) -> dict[str, Any]:
    figures = {name: {"value": 0.0625} for name in ("false_accept", "false_reject")}
    return {"scale": scale, "criterion": "eer", "similarity": {"value": 0.4375}, **figures}


@pytest.fixture
def embedder() -> Embedder:
    torch.manual_seed(0)
    made = Embedder("dyml_small", dim=12, image_size=16, backbone_args={"width": 4}).eval()
    made.taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], ("kind", "fam|ily"))
    return made


@pytest.fixture
def folder(embedder: Embedder, tmp_path: Path) -> Path:
    """A model folder with a gauge that was fitted to its weights."""
    embedder.save_pretrained(tmp_path / "model")
    digest = weights_digest(tmp_path / "model" / "model.safetensors")
    text = json.dumps({"marks": [mark("kind"), mark("fam|ily")], "weights": digest})
    (tmp_path / "model" / "gauge.json").write_text(text)
    return tmp_path / "model"


def test_a_card_of_all_that_is_known(folder: Path) -> None:
    embedder = Embedder.from_pretrained(folder)
    card = embedder.generate_model_card(
        "me/it", METRICS, data="Trained on shells.", notes="Dry.", license="mit"
    )
    assert card.data.to_dict()["license"] == "mit"
    assert card.data.to_dict()["library_name"] == "dyml"
    text = card.text
    assert text.lstrip().startswith("# me/it")
    assert 'Embedder.from_pretrained("me/it")' in text
    assert "| kind | 3 |" in text
    assert "| fam\\|ily | 2 |" in text
    assert "| kind | 25.00 | 50.00 | 100.00 | – |" in text
    assert "1,234 pictures of the split `test`" in text
    assert "| kind | 0.438 | 6.25 | 6.25 |" in text
    assert "Trained on shells." in text
    assert "Dry." in text
    assert "protocol" not in text


def test_what_is_not_known_is_said(embedder: Embedder) -> None:
    embedder.taxonomy = None
    text = embedder.generate_model_card().text
    for words in ("not recorded here", "Not measured", "Not calibrated"):
        assert words in text
    assert "Classes trained on" not in text
    plain = embedder.generate_model_card(metrics=METRICS["test"]).text
    assert "| overall | 25.00" in plain
    with pytest.raises(InputError, match="metrics must be"):
        embedder.generate_model_card(metrics={"test": {"kind": {}}})


def test_a_saved_folder_has_a_card_and_keeps_ones_own(embedder: Embedder, tmp_path: Path) -> None:
    embedder.save_pretrained(tmp_path, model_card_kwargs={"name": "mine", "metrics": METRICS})
    assert "# mine" in ModelCard.load(tmp_path / "README.md").text
    (tmp_path / "README.md").write_text("own words")
    embedder.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "own words"


def test_the_gauge_travels_with_its_weights_alone(folder: Path, tmp_path: Path) -> None:
    embedder = Embedder.from_pretrained(folder)
    embedder.save_pretrained(tmp_path / "copy")
    assert (tmp_path / "copy" / "gauge.json").read_bytes() == (folder / "gauge.json").read_bytes()
    with torch.no_grad():
        embedder.projection.weight.add_(1)
    embedder.save_pretrained(tmp_path / "trained further")
    assert not (tmp_path / "trained further" / "gauge.json").exists()
    assert "Not calibrated" in (tmp_path / "trained further" / "README.md").read_text()


def test_a_damaged_gauge_is_left_behind(folder: Path, tmp_path: Path) -> None:
    (folder / "gauge.json").write_text("{")
    Embedder.from_pretrained(folder).save_pretrained(tmp_path / "copy")
    assert not (tmp_path / "copy" / "gauge.json").exists()


def test_all_is_pushed_and_comes_back(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub"
    asked: dict[str, Any] = {}

    def create_repo(self: HfApi, repo_id: str, **options: Any) -> Any:
        asked.update(options)
        return type("Repo", (), {"repo_id": repo_id})()

    def upload_folder(self: HfApi, repo_id: str, folder_path: Path, **options: Any) -> str:
        shutil.copytree(folder_path, hub / repo_id)
        return f"https://hub/{repo_id}"

    def download(repo_id: str, name: str, **options: Any) -> str:
        if not (hub / repo_id / name).is_file():
            raise LocalEntryNotFoundError(name)
        return str(hub / repo_id / name)

    monkeypatch.setattr(HfApi, "create_repo", create_repo)
    monkeypatch.setattr(HfApi, "upload_folder", upload_folder)
    embedder = Embedder.from_pretrained(folder)
    address = embedder.push_to_hub("me/it", private=True, model_card_kwargs={"metrics": METRICS})
    assert (address, asked["private"]) == ("https://hub/me/it", True)
    names = {path.name for path in (hub / "me" / "it").iterdir()}
    assert names == {"README.md", "config.json", "gauge.json", "model.safetensors", "taxonomy.json"}
    card = ModelCard.load(hub / "me" / "it" / "README.md")
    assert "# me/it" in card.text
    assert "| overall | 25.00" in card.text
    assert "Not calibrated" not in card.text

    monkeypatch.setattr(module, "hf_hub_download", download)
    monkeypatch.setattr(
        "huggingface_hub.hub_mixin.hf_hub_download",
        lambda repo_id, filename, **_: download(repo_id, filename),
    )
    again = Embedder.from_pretrained("me/it")
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(again(images), embedder(images))
    assert again.gauge_json == embedder.gauge_json
    for name in ("gauge.json", "taxonomy.json"):  # neither must be there
        (hub / "me" / "it" / name).unlink()
    bare = Embedder.from_pretrained("me/it")
    assert (bare.gauge_json, bare.taxonomy) == (None, None)
