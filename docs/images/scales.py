"""Draw the README's picture from a finished demo: python docs/images/scales.py [RUN] [CHARACTER]."""

import sys
from pathlib import Path

from dyml import Embedder
from dyml.data import read_manifest
from dyml.data.glyphs import glyph_cache
from dyml.models.embedding import embed_manifest
from dyml.report.teaser import teaser

run, character = [*sys.argv[1:], *("runs/demo", "ą")[len(sys.argv) - 1 :]][:2]
test = read_manifest(glyph_cache(32)).only("test")
names = [test.taxonomy.name(0, fine) for fine in range(test.taxonomy.num_fine)]
fine = next(i for i, name in enumerate(names) if name.startswith(f"U+{ord(character):04X} "))
query = next(i for i, row in enumerate(test.labels) if row[0] == fine)
vectors = embed_manifest(Embedder.from_pretrained(Path(run) / "model"), test)
print(teaser(vectors, test, Path(__file__).with_name("scales.png"), query=query))
