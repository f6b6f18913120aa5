"""The built-in data set: Unicode characters drawn in the fonts that ship inside matplotlib.

Fine = character, middle = base letter or series, coarse = script or family of signs. No download.
"""

from dyml.data.glyphs.writing import glyph_cache, write_glyphs

__all__ = ["glyph_cache", "write_glyphs"]
