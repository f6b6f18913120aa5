"""Pictures in any form become the same vectors; the call is that of sentence-transformers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dyml.errors import ImageError, InputError
from dyml.exchange import Encoder
from dyml.models import Embedder


def test_every_form_of_a_picture_gives_the_same_vector(embedder: Embedder, pictures: list[Path]) -> None:
    encoder = Encoder(embedder)
    opened = [Image.open(path) for path in pictures]
    arrays = np.stack([np.asarray(image) for image in opened])
    expected = encoder.encode(pictures)
    assert (expected.shape, expected.dtype) == ((6, 12), np.float32)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-5)
    raw = embedder(torch.from_numpy(arrays).permute(0, 3, 1, 2)).detach().numpy()
    np.testing.assert_allclose(expected, raw, atol=1e-6)
    for form in (
        list(map(str, pictures)),
        opened,
        arrays,
        [p.read_bytes() for p in pictures],
        iter(pictures),
    ):
        np.testing.assert_array_equal(encoder.encode(form), expected)


def test_the_size_of_batches_changes_nothing(embedder: Embedder, pictures: list[Path]) -> None:
    encoder = Encoder(embedder)
    np.testing.assert_allclose(
        encoder.encode(pictures, batch_size=4, show_progress_bar=True), encoder(pictures), atol=1e-6
    )


def test_one_picture_gives_one_vector(embedder: Embedder, pictures: list[Path]) -> None:
    encoder = Encoder(embedder)
    one = encoder.encode(pictures[1])
    assert one.shape == (12,)
    np.testing.assert_allclose(one, encoder.encode(pictures)[1], atol=1e-6)
    assert encoder.encode(np.zeros((9, 9), np.uint8)).shape == (12,)
    assert encoder.encode([pictures[0]]).shape == (1, 12)
    assert encoder.encode([]).shape == (0, 12)


def test_the_options_of_sentence_transformers(embedder: Embedder, pictures: list[Path]) -> None:
    encoder = Encoder(embedder)
    rows = encoder.encode(pictures, convert_to_tensor=True, normalize_embeddings=False)
    assert isinstance(rows, torch.Tensor)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(6))
    listed = encoder.encode(pictures, convert_to_numpy=False)
    assert isinstance(listed, list)
    torch.testing.assert_close(torch.stack(listed), rows)
    assert encoder.get_sentence_embedding_dimension() == 12
    torch.testing.assert_close(encoder.similarity(rows, rows).diag(), torch.ones(6))
    assert encoder.similarity(rows[0], rows).shape == (1, 6)


def test_a_folder_is_a_model_too(embedder: Embedder, pictures: list[Path], tmp_path: Path) -> None:
    embedder.save_pretrained(tmp_path)
    np.testing.assert_array_equal(Encoder(tmp_path).encode(pictures), Encoder(embedder).encode(pictures))
    assert Encoder(embedder, device="cpu").embedder is embedder


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (3, "picture 0 is a int"),
        (np.zeros((4, 4, 3)), "picture 0 must be uint8"),
        (np.zeros((4, 4, 2), np.uint8), r"\(H, W, 3\)"),
    ],
)
def test_what_is_no_picture_is_named(embedder: Embedder, picture: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        Encoder(embedder).encode([picture])


def test_damaged_pictures_are_named(embedder: Embedder, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        Encoder(embedder).encode([tmp_path / "gone.png"])
    with pytest.raises(ImageError, match="picture 0"):
        Encoder(embedder).encode([b"none"])
    with pytest.raises(InputError, match="batch_size must be 1"):
        Encoder(embedder).encode([b"none"], batch_size=0)
