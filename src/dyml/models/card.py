"""The model card: a README that says what a model is for, how good it is, and how it is used.

Everything in it comes from what lies in the model folder and from what it is given; nothing is invented, and
what is not known is said to be not known.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dyml.errors import InputError

if TYPE_CHECKING:
    from dyml.models.embedder import Embedder

MEASURES = ("mAP", "ASI", "CMC@1", "R-precision")
NOT_SCALES = ("overall", "multi", "protocol")


def card_text(
    embedder: "Embedder",
    name: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    data: str | None = None,
    notes: str | None = None,
) -> str:
    """Return a model card in Markdown, without the hub's header.

    Args:
        embedder: its classes and its gauge are described, where it has them.
        name: of the repository on the hub, or of the folder.
        metrics: what `metrics.json` of a run holds, or `Result.to_dict()`.
        data: what it was trained on, in Markdown.
        notes: more on intended use and limits, in Markdown.

    Raises:
        InputError: the metrics have another form.
    """
    parts = [f"# {name or 'An image embedder'}", _what(embedder), _use(embedder, name)]
    parts += [_data(embedder, data), _measures(metrics), _gauge(embedder.gauge_json)]
    parts += [_intended(notes)]
    return "\n\n".join(parts) + "\n"


def _what(embedder: "Embedder") -> str:
    scales = () if embedder.taxonomy is None else embedder.taxonomy.scales
    several = f" at {len(scales)} semantic scales at once ({', '.join(scales)})" if len(scales) > 1 else ""
    millions = sum(p.numel() for p in embedder.parameters()) / 1e6
    kind = "colour" if embedder.channels == 3 else "grey"
    return (
        f"It turns {kind} pictures of {embedder.image_size} × {embedder.image_size} pixels into unit vectors "
        f"of {embedder.dim} numbers, whose cosines are meant to be read{several}. {millions:.1f} million "
        f"parameters; made with dyml."
    )


def _use(embedder: "Embedder", name: str | None) -> str:
    return f"""## How to use it

```python
from dyml import Embedder
from dyml.exchange import Encoder

embedder = Embedder.from_pretrained("{name or "FOLDER"}")
vectors = Encoder(embedder).encode(["a.jpg", "b.jpg"])  # (2, {embedder.dim}), rows of length 1
similarity = vectors[0] @ vectors[1]
```

Pictures are made upright, their shorter side is resized to {embedder.resize} pixels and the centre cut out;
scaling and normalisation are inside the model. The weights are safetensors, which hold no code."""


def _data(embedder: "Embedder", data: str | None) -> str:
    lines = ["## Data"]
    lines += [data if data is not None else "What pictures it was trained on is not recorded here."]
    if embedder.taxonomy is not None:
        tree = embedder.taxonomy
        rows = [[scale, f"{count:,}"] for scale, count in zip(tree.scales, tree.num_classes)]
        lines += ["Classes trained on, fine to coarse:", _table(["scale", "classes"], rows)]
    return "\n\n".join(lines)


def _measures(metrics: Mapping[str, Any] | None) -> str:
    head = "## Measures"
    if metrics is None:
        return f"{head}\n\nNot measured, or not recorded here."
    result = metrics.get("test", metrics)
    try:
        names = [name for name in MEASURES if name in result["overall"]]
        scales = [key for key in result if key not in NOT_SCALES]
        rows = [[key, *(_percent(result[key][name]) for name in names)] for key in (*scales, "overall")]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"metrics must be those of a run's metrics.json, or Result.to_dict(): {error}"
        ) from error
    pictures, split = metrics.get("pictures"), metrics.get("split")
    on = (
        ""
        if pictures is None
        else f" on {pictures:,} pictures" + (f" of the split `{split}`" if split else "")
    )
    return (
        f"{head}\n\nIn percent{on}, each picture asking for the others of its class at every scale. The "
        f"classes at the finest scale were not trained on where the split is an open-set one, as "
        f"`dyml data split` makes it.\n\n{_table(['scale', *names], rows)}"
    )


def _gauge(text: str | None) -> str:
    head = "## Gauge"
    if text is None:
        return (
            f"{head}\n\nNot calibrated: similarities order pictures, but say no probabilities. `dyml gauge` "
            f"fits a gauge."
        )
    try:
        rows = [
            [
                mark["scale"],
                f"{mark['similarity']['value']:.3f}",
                _percent(mark["false_accept"]["value"]),
                _percent(mark["false_reject"]["value"]),
            ]
            for mark in json.loads(text)["marks"]
            if mark["criterion"] == "eer"
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"the gauge beside the model cannot be read: {error}") from error
    table = _table(["scale", "same from similarity", "false accepts %", "false rejects %"], rows)
    return (
        f"{head}\n\n`gauge.json` turns a similarity into the probability of the same class at every scale "
        f"(`dyml.gauge.Gauge.load`). Thresholds at equal error rates:\n\n{table}"
    )


def _intended(notes: str | None) -> str:
    lines = [
        "## Intended use and limits",
        "For searching, grouping and comparing pictures of the kind that it was trained on. It does not name "
        "what it sees, and similarities of pictures of another kind mean little: measure it on your own "
        "(`dyml eval`), and fit the gauge to them, before decisions rest on it. It was not made to recognise "
        "people.",
    ]
    return "\n\n".join([*lines, *([] if notes is None else [notes])])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
