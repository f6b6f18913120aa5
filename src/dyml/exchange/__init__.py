"""What dyml gives to others' tools: encoders, transformers, indexes and tables."""

from dyml.exchange.encoder import Encoder
from dyml.exchange.faiss_index import faiss_index, write_faiss
from dyml.exchange.fiftyone import fiftyone_samples, write_fiftyone
from dyml.exchange.hub import card_facts, write_card
from dyml.exchange.tables import gallery_table, hits_table, queries_table
from dyml.exchange.transformer import PictureTransformer

__all__ = [
    "Encoder",
    "PictureTransformer",
    "card_facts",
    "faiss_index",
    "fiftyone_samples",
    "gallery_table",
    "hits_table",
    "queries_table",
    "write_card",
    "write_faiss",
    "write_fiftyone",
]
