"""The gauge: a trained metric as a ruler with a mark for every scale."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from dyml.errors import InputError, suggest
from dyml.gauge.choosing import Choice
from dyml.gauge.consistency import crossing
from dyml.gauge.criteria import parse_criterion
from dyml.gauge.dynamic_range import DynamicRange
from dyml.gauge.field_checks import check_fields
from dyml.gauge.judged import Judged
from dyml.gauge.marks import Mark, Plain, checked_cosines, figures_for, mark, probability_mark
from dyml.gauge.pairs import Floats
from dyml.gauge.priors import Prior, scale_chances
from dyml.gauge.rates import Rates
from dyml.gauge.reading import Reading, read_off
from dyml.gauge.reweighting import fields_with_prior
from dyml.gauge.storage import read_gauge, write_gauge

Row = tuple[float, ...]


class Gauge(Plain):
    """Thresholds and P(same class at each scale | similarity) of one embedder; made by `fit_gauge`.

    Attributes:
        format: of the file.
        scales: L names, fine to coarse.
        prior: (L + 1,) how often two pictures share 0 … L scales; all probabilities hold for it.
        data_prior: the same as it is in the data.
        similarity: (K,) knots of the probabilities, rising.
        chances: per scale (K,) P(same) at the knots; straight between them, constant beyond.
        cuts: thresholds, from high to low, at which error rates are known.
        accepted: per number of shared scales 0 … L, the share of pairs that each of them accepts; empty where
            the data has no such pairs.
        marks: chosen thresholds with their intervals.
        range: the dynamic range.
        choices: how each scale was calibrated.
        judged: how well it does on classes that it was not fitted on; empty where that was not measured.
        about: what it was fitted on.
        weights: SHA-256 of the model's weights, or None.
    """

    format: Literal[1] = 1
    scales: tuple[str, ...]
    prior: Row
    data_prior: Row
    similarity: Row
    chances: tuple[Row, ...]
    cuts: Row
    accepted: tuple[Row, ...]
    marks: tuple[Mark, ...]
    range: DynamicRange
    choices: tuple[Choice, ...]
    judged: tuple[Judged, ...] = ()
    about: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_fields(self)
        return self

    def probability(self, similarity: ArrayLike) -> Floats:
        """Return P(same class) at every scale.

        Args:
            similarity: cosines of any shape (…).

        Returns:
            (…, L) float64, fine to coarse; never falls with similarity, nor from a finer to a coarser scale.

        Raises:
            InputError: a similarity is not a finite number in −1 … 1.
        """
        values = checked_cosines(similarity)
        return np.stack([np.interp(values, self._knots, row) for row in self._table], axis=-1)

    def mark(self, scale: str | int, criterion: str = "eer") -> Mark | None:
        """Return the threshold that a criterion chooses at a scale, with its error rates.

        Args:
            scale: its name or its place, 0 the finest.
            criterion: `eer`, `f1`, `far=RATE`, `precision=SHARE` or `p=PROBABILITY`.

        Returns:
            The mark, with intervals if it was made with the gauge; None if no threshold fulfils it. Other
            criteria are chosen among the thresholds that the gauge knows the exact rates of.
        """
        m, parsed = self.scale_index(scale), parse_criterion(criterion)
        name = self.scales[m]
        for made in self.marks:
            if (made.scale, made.criterion) == (name, str(parsed)):
                return made
        if parsed.kind == "p":
            assert parsed.value is not None
            cut = crossing(self._knots, self._table[m], parsed.value)
            return None if cut is None else probability_mark(self.rates, m, name, parsed, self.prior, cut)
        figures = figures_for(self.rates, m, np.array(self.prior), parsed)
        return None if figures is None else mark(name, str(parsed), figures)

    def threshold(self, scale: str | int, criterion: str = "eer") -> float:
        """Return the similarity from which on two pictures count as the same at a scale; see `mark`.

        Raises:
            InputError: no threshold fulfils the criterion.
        """
        found = self.mark(scale, criterion)
        if found is None:
            m = self.scale_index(scale)
            why = f"P(same) reaches {self.chances[m][-1]:.3g} at most. Ask for less, or set another prior."
            if self.rates.at_scale(m, np.array(self.prior)) is None:
                why = "it was fitted without same or without different pairs there. Fit it to more pictures."
            raise InputError(
                f"the gauge has no threshold for {criterion!r} at scale {self.scales[m]!r}: {why}"
            )
        return found.similarity.value

    def read(self, similarity: float, criterion: str = "p=0.5") -> Reading:
        """Read a similarity off the ruler: same or different at every scale, with the probability.

        Args:
            similarity: the cosine of two pictures.
            criterion: from which threshold on they count as the same; by default, where that is likelier
                than not. A scale where nothing fulfils it says different.
        """
        return read_off(self, similarity, criterion)

    def with_prior(self, prior: Prior) -> "Gauge":
        """Return the gauge under another prior: probabilities by Bayes' rule, thresholds chosen anew.

        Args:
            prior: `data`, `even` (every number of shared scales equally likely, as when a person picks two
                pictures), or L chances of the same class, fine to coarse.

        Raises:
            InputError: it is no prior, or counts on pairs that the gauge knows nothing of.
        """
        return self.changed(**fields_with_prior(self, prior))

    def changed(self, **fields: Any) -> "Gauge":
        """Return a checked copy with some fields set anew."""
        return Gauge(**{name: getattr(self, name) for name in Gauge.model_fields} | fields)

    def scale_index(self, scale: str | int) -> int:
        """Return the place of a scale given by name or place.

        Raises:
            InputError: there is no such scale.
        """
        if isinstance(scale, str) and scale in self.scales:
            return self.scales.index(scale)
        if isinstance(scale, (int, np.integer)) and 0 <= scale < len(self.scales):
            return int(scale)
        near = suggest(scale, self.scales) if isinstance(scale, str) else ""
        raise InputError(f"no scale {scale!r}; the gauge has {', '.join(self.scales)}.{near}")

    def save(self, target: str | Path) -> Path:
        """Write `gauge.json` into a model folder, or a file of another name, and return the file.

        Raises:
            RunError: it cannot be written.
        """
        return write_gauge(self.model_dump(mode="json"), Path(target))

    @classmethod
    def load(cls, source: str | Path) -> "Gauge":
        """Read the gauge of a run or model folder, or a file.

        Raises:
            RunError: there is none, it cannot be read or is damaged, or it belongs to other weights than the
                model's beside it.
        """
        return read_gauge(cls, Path(source))

    @property
    def scale_prior(self) -> Row:
        """P(same class) at every scale before anything is measured, fine to coarse."""
        return tuple(scale_chances(self.prior).tolist())

    @cached_property
    def rates(self) -> Rates:
        """The error rates as arrays."""
        unknown = (np.nan,) * len(self.cuts)
        return Rates(np.array(self.cuts), np.array([row or unknown for row in self.accepted]))

    @cached_property
    def _knots(self) -> Floats:
        return np.array(self.similarity)

    @cached_property
    def _table(self) -> Floats:
        return np.array(self.chances)
