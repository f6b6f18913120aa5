"""Embeddings and labels from files: every kind gives the same, and every fault is named."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from dyml.errors import InputError, ManifestError
from dyml.metrics import evaluate
from dyml.metrics.from_files import Side, evaluate_files
from dyml.metrics.stored_embeddings import read_embeddings

ROWS = 40


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(ROWS, 5)).astype(np.float32)


@pytest.fixture
def fine():
    return np.random.default_rng(1).integers(0, 8, ROWS)


def write_labels(target, fine, **more):
    columns = {"coarse": [f"g{i // 4}" for i in fine], "fine": [f"c{i}" for i in fine], **more}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values()))]
    target.write_text("\n".join(lines) + "\n")
    return target


def write_parquet(target, vectors, kind=None, **more):
    kind = kind or pa.list_(pa.float32())
    pq.write_table(pa.table({"embedding": pa.array(list(vectors), kind), **more}), target, row_group_size=7)


def test_every_kind_of_file_gives_the_same(tmp_path, vectors, fine):
    np.save(tmp_path / "a.npy", vectors)
    np.savez(tmp_path / "b.npz", vectors)
    np.savez(tmp_path / "c.npz", embeddings=vectors, other=fine)
    save_file({"x": vectors}, tmp_path / "d.safetensors")
    save_tensors({"embeddings": torch.from_numpy(vectors), "y": torch.ones(2)}, tmp_path / "e.safetensors")
    write_parquet(tmp_path / "f.parquet", vectors)
    write_parquet(tmp_path / "g.parquet", vectors, pa.list_(pa.float32(), 5), label=pa.array(fine))
    labels = write_labels(tmp_path / "labels.csv", fine, path=range(ROWS))
    expected = evaluate(vectors, np.stack([fine, fine // 4], 1), scales=("fine", "coarse")).to_dict()
    for name in ("a.npy", "b.npz", "c.npz", "d.safetensors", "e.safetensors", "f.parquet", "g.parquet"):
        assert evaluate_files(Side(tmp_path / name, labels)).to_dict() == expected, name
    write_parquet(tmp_path / "all.parquet", vectors, fine=pa.array(fine), coarse=pa.array(fine // 4))
    both = Side(tmp_path / "all.parquet", tmp_path / "all.parquet")
    assert evaluate_files(both).to_dict() == expected


def test_bfloat16(tmp_path, vectors):
    save_tensors({"x": torch.from_numpy(vectors).bfloat16()}, tmp_path / "e.safetensors")
    assert read_embeddings(tmp_path / "e.safetensors").dtype == torch.bfloat16


def test_query_and_gallery_share_their_class_names(tmp_path, vectors, fine):
    np.save(tmp_path / "q.npy", vectors[:10])
    np.save(tmp_path / "g.npy", vectors)
    query = write_labels(tmp_path / "q.csv", fine[:10], id=range(10), camera=[i % 2 for i in range(10)])
    gallery = write_labels(tmp_path / "g.csv", fine, id=range(ROWS), camera=[i % 2 for i in range(ROWS)])
    sides = Side(tmp_path / "q.npy", query), Side(tmp_path / "g.npy", gallery)
    table = np.stack([fine, fine // 4], 1)
    arguments = vectors[:10], table[:10], vectors, table
    ids = {"query_ids": range(10), "gallery_ids": range(ROWS)}
    cameras = {"query_cameras": np.arange(10) % 2, "gallery_cameras": np.arange(ROWS) % 2}
    for options, given in (
        ({}, {}),
        ({"by_id": True}, ids),
        (
            {"by_id": True, "other_cameras": True, "measures": ["MRR"]},
            {**ids, **cameras, "measures": ["MRR"]},
        ),
    ):
        expected = evaluate(*arguments, scales=("fine", "coarse"), **given)
        assert evaluate_files(*sides, **options).to_dict() == expected.to_dict()
    lines = gallery.read_text().splitlines()
    lines[31:] = [f"-1,-1,{line.split(',', 2)[2]}" for line in lines[31:]]
    gallery.write_text("\n".join(lines))
    table = table.copy()
    table[30:] = -1
    expected = evaluate(*arguments[:3], table, scales=("fine", "coarse"), distractors=True)
    assert evaluate_files(*sides, distractors=True, scales=["fine", "coarse"]).to_dict() == expected.to_dict()


def test_embeddings_that_cannot_be_read(tmp_path, vectors):
    def refused(name, text):
        with pytest.raises(InputError, match=text) as caught:
            read_embeddings(tmp_path / name)
        assert name in str(caught.value)

    refused("a.txt", "embeddings are read from .npy")
    refused("a.npy", "no such file")
    for name in ("b.npy", "b.npz", "b.parquet", "b.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        refused(name, "cannot be read as")
    np.save(tmp_path / "c.npy", np.array([{}], dtype=object))
    refused("c.npy", r"cannot be read as .npy: .*Python objects")
    np.save(tmp_path / "d.npy", np.ones(4))
    refused("d.npy", r"must be \(N, D\)")
    np.savez(tmp_path / "e.npz", x=vectors, y=vectors)
    refused("e.npz", "which array are the embeddings.*'x', 'y'")
    save_file({"x": vectors, "y": vectors}, tmp_path / "f.safetensors")
    refused("f.safetensors", "which tensor are the embeddings")
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "g.parquet")
    refused("g.parquet", "which column of lists .*none")
    write_parquet(tmp_path / "h.parquet", [[1.0, 2.0], [1.0]])
    refused("h.parquet", "row 2 has 1 numbers, row 1 2")
    write_parquet(tmp_path / "i.parquet", [[1.0, 2.0], None])
    refused("i.parquet", "no embedding in 1 rows")
    write_parquet(tmp_path / "j.parquet", [[1.0, None]])
    refused("j.parquet", "1 numbers missing")


def test_tables_that_do_not_fit(tmp_path, vectors, fine):
    np.save(tmp_path / "v.npy", vectors)
    labels = write_labels(tmp_path / "l.csv", fine)

    def refused(text, error=InputError, table=labels, **options):
        with pytest.raises(error, match=text):
            evaluate_files(Side(tmp_path / "v.npy", table), **options)

    refused("no column 'id'", by_id=True)
    refused("no column 'camera'", other_cameras=True)
    refused("no label column 'fin'.*Did you mean 'fine'", scales=["fin"])
    refused("l.csv has 39 rows but .*v.npy 40", table=write_labels(tmp_path / "l.csv", fine[1:]))
    refused("no manifest|no such", ManifestError, table=tmp_path / "none.csv")
    (tmp_path / "p.csv").write_text("path\n" + "x\n" * ROWS)
    refused("no label column; add one", table=tmp_path / "p.csv")
    (tmp_path / "q.csv").write_text("a,b\n" + "x,x\n" * ROWS)
    refused("both have 1 classes.*--scales a,b", table=tmp_path / "q.csv")
