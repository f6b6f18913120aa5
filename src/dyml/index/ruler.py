"""The gauge as a gallery uses it: similarities to probabilities, and wanted probabilities to similarities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dyml.errors import InputError, suggest
from dyml.index.items import Floats, ScaleExplanation

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge

NOTHING = 2.0  # a similarity that no item has


class Ruler:
    """Reads a gauge, where there is one.

    Args:
        gauge: or None.
        why: there is none.
        scales: of the gallery.
    """

    def __init__(self, gauge: "Gauge | None", why: str, scales: Sequence[str]) -> None:
        self.gauge, self.why, self.scales = gauge, why, tuple(scales)

    def probabilities(self, similarity: Floats) -> list[dict[str, float]] | None:
        """Return for each of (K,) similarities scale -> P(same class); None without a gauge."""
        if self.gauge is None:
            return None
        table = self.gauge.probability(similarity.clip(-1, 1)).tolist()
        return [dict(zip(self.gauge.scales, row)) for row in table]

    def least(self, scale: str | None, min_probability: float | None) -> float | None:
        """Return the similarity from which on P(same class at a scale) is at least `min_probability`.

        Returns:
            None if no probability is asked for; a similarity that no item has where none is so sure.

        Raises:
            InputError: there is no gauge, no scale is named or it is not the gauge's, or this is no
                probability.
        """
        if scale is not None:
            self.check_scale(scale)
        if min_probability is None:
            return None
        if self.gauge is None:
            raise InputError(f"min_probability needs a gauge: {self.why}. Or ask without min_probability.")
        if scale is None:
            raise InputError(
                f"min_probability needs a scale to hold at: one of {', '.join(self.gauge.scales)}"
            )
        if isinstance(min_probability, bool) or not 0 <= min_probability <= 1:
            raise InputError(f"min_probability must be from 0 to 1; got {min_probability!r}")
        from dyml.gauge.consistency import crossing

        m = self.gauge.scale_index(scale)
        found = crossing(self.gauge._knots, self.gauge._table[m], float(min_probability))
        return NOTHING if found is None else found

    def check_scale(self, scale: str) -> str:
        """Return a scale that the gallery has.

        Raises:
            InputError: it has none of that name.
        """
        if scale not in self.scales:
            near = suggest(str(scale), self.scales)
            raise InputError(f"no scale {scale!r}; the gallery has {', '.join(self.scales)}.{near}")
        return scale

    def explain(self, similarity: float, labels: dict[str, str]) -> tuple[ScaleExplanation, ...]:
        """Read a similarity at every scale."""
        if self.gauge is None:
            return tuple(ScaleExplanation(s, labels.get(s), None, None, None) for s in self.scales)
        reading: dict[str, Any] = {
            row.scale: row for row in self.gauge.read(min(max(similarity, -1.0), 1.0)).scales
        }
        found = []
        for scale in self.scales:
            row = reading.get(scale)
            values = (None, None, None) if row is None else (row.probability, row.threshold, row.same)
            found.append(ScaleExplanation(scale, labels.get(scale), *values))
        return tuple(found)
