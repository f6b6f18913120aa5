"""The gauge of a run or model, from its pictures to `gauge.json`; and the one that is there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from rich.console import Console

from dyml.errors import RunError
from dyml.gauge.choosing import Sample
from dyml.gauge.criteria import DEFAULT
from dyml.gauge.data_choice import choose_data, trained_classes
from dyml.gauge.fitting import check_options, fit_gauge, judged_on, sample_for
from dyml.gauge.gauge import Gauge
from dyml.gauge.pairs import pair_totals
from dyml.gauge.priors import DATA, Prior, level_prior
from dyml.gauge.storage import NAME, WEIGHTS, weights_digest
from dyml.models.embedding import embed_manifest
from dyml.training.folder import RunFolder
from dyml.training.judge import HUB, open_source, source_manifest


@dataclass(frozen=True, eq=False)
class Gauged:
    """A gauge that was just made.

    Attributes:
        gauge: judged on the pictures that it was not fitted on.
        sample: pairs of those pictures, for drawing.
    """

    gauge: Gauge
    sample: Sample


def gauge_source(
    source: str,
    root: Path | None = None,
    table: str | None = None,
    split: str | None = None,
    *,
    prior: Prior = DATA,
    criteria: Sequence[str] = DEFAULT,
    score: str = "log_loss",
    most: int = 100_000,
    replicates: int = 200,
    unit: str = "class",
    bound: float = 0.1,
    seed: int = 0,
    batch_size: int = 256,
) -> Gauged:
    """Embed held-out pictures of a run or model, fit its gauge to one side of them and judge it on the other.

    Args:
        source: a run folder, a model folder, or `hub:NAME`.
        root: the folder of pictures; None: the run's own.
        table: the manifest in it; None: the usual one.
        split: the rows to use; None: see `data_choice.choose_data`.
        prior, criteria, score, most, replicates, unit, bound, seed: as for `fit_gauge`.
        batch_size: pictures embedded at a time.

    Raises:
        RunError: there is no run or model, no data is named, or the split was trained on.
        ManifestError: the data cannot be read, or has no such split.
        InputError: an option is not understood, or the pictures have no pairs to fit on.
    """
    embedder, config = open_source(source)
    manifest = source_manifest(source, embedder, config, root, table)
    data = choose_data(manifest, config, split, root is None, seed)
    known = trained_classes(data.manifest, embedder.taxonomy)
    words = data.words
    if known:
        words += (
            f"; {known:,} of these classes were trained on, so what is said here is too good for new classes"
        )
    # Mistakes show before the pictures are embedded, which takes the time.
    check_options(criteria, score, most, replicates, unit, bound)
    level_prior(prior, pair_totals(data.population), data.manifest.scales)
    embeddings = embed_manifest(embedder, data.manifest, batch_size, "embedding held-out pictures")
    fit, labels = ~data.judged, data.manifest.labels
    with Console(stderr=True).status("fitting the gauge …"):
        gauge = fit_gauge(
            embeddings[fit],
            labels[fit],
            data.manifest.scales,
            prior=prior,
            population=data.population,
            criteria=criteria,
            score=score,
            most=most,
            replicates=replicates,
            unit=unit,
            bound=bound,
            seed=seed,
            about={"source": source, "data": words, "trained classes": known},
        )
        gauge = judged_on(gauge, embeddings[data.judged], labels[data.judged], most)
    weights = model_folder(source) / WEIGHTS if not source.startswith(HUB) else None
    if weights is not None and weights.is_file():
        gauge = gauge.changed(weights=weights_digest(weights))
    return Gauged(gauge, sample_for(gauge, embeddings[data.judged], labels[data.judged], most))


def open_gauge(source: str) -> Gauge:
    """Read the gauge of a run folder, a model folder, or `hub:NAME`.

    Raises:
        RunError: there is none, it is damaged, or it belongs to other weights.
    """
    if not source.startswith(HUB):
        return Gauge.load(source)
    try:
        return Gauge.load(hf_hub_download(source.removeprefix(HUB), NAME))
    except (HfHubHTTPError, HFValidationError, FileNotFoundError, ConnectionError) as error:
        raise RunError(f"{source} has no {NAME}, or the hub cannot be reached: {error}") from error


def model_folder(source: str) -> Path:
    """Return the model folder of a run folder, or the folder itself."""
    folder = RunFolder(Path(source))
    return folder.model if folder.config.is_file() else folder.path
