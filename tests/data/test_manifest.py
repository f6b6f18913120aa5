"""Reading, checking, narrowing and writing manifests."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.data import Manifest, read_manifest, write_manifest
from dyml.errors import ManifestError, RunError, TaxonomyError

FRUIT = """path,coarse,middle,fine,split
a/1.jpg,Fruit,Apple,Gala,train
a/2.jpg,Fruit,Apple,Fuji,train
a/3.jpg,Fruit,Pear,Conference,test
a/4.jpg,Dairy,Milk,Whole,test
a/5.jpg,Dairy,Milk,Whole,test
"""


def manifest_at(folder: Path, text: str | bytes, name: str = "manifest.csv") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(folder: Path, text: str | bytes, **options: object) -> str:
    file = manifest_at(folder, text)
    with pytest.raises(ManifestError) as caught:
        read_manifest(file, **options)  # type: ignore[arg-type]
    assert str(file) in str(caught.value) or options, "a message names the file"
    return str(caught.value)


def test_scales_are_ordered_by_their_number_of_classes(tmp_path: Path) -> None:
    manifest = read_manifest(manifest_at(tmp_path, FRUIT))
    assert manifest.scales == ("fine", "middle", "coarse")
    assert manifest.root == tmp_path
    assert manifest.paths == [f"a/{i}.jpg" for i in range(1, 6)]
    assert manifest.split == ["train", "train", "test", "test", "test"]
    assert manifest.splits == ("train", "test")
    assert manifest.full_path(1) == tmp_path / "a/2.jpg"
    assert len(manifest) == 5


def test_class_ids_follow_sorted_names(tmp_path: Path) -> None:
    manifest = read_manifest(manifest_at(tmp_path, FRUIT))
    assert manifest.labels.dtype == np.int64
    assert manifest.taxonomy.names == (
        ("Conference", "Fuji", "Gala", "Whole"),
        ("Apple", "Milk", "Pear"),
        ("Dairy", "Fruit"),
    )
    assert manifest.labels.tolist() == [[2, 0, 1], [1, 0, 1], [0, 2, 1], [3, 1, 0], [3, 1, 0]]
    assert manifest.taxonomy.lineage.tolist() == [[0, 2, 1], [1, 0, 1], [2, 0, 1], [3, 1, 0]]


def test_a_folder_stands_for_the_manifest_in_it(tmp_path: Path) -> None:
    manifest_at(tmp_path, FRUIT)
    assert len(read_manifest(tmp_path)) == 5
    write_manifest({"path": ["x"], "fine": ["y"]}, tmp_path / "manifest.parquet")
    with pytest.raises(ManifestError, match=r"holds both manifest.csv and manifest.parquet"):
        read_manifest(tmp_path)


def test_missing_manifests_say_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"has no manifest.csv or manifest.parquet. `dyml data scan"):
        read_manifest(tmp_path)
    with pytest.raises(ManifestError, match=r"no manifest .*gone.csv"):
        read_manifest(tmp_path / "gone.csv")
    with pytest.raises(ManifestError, match=r"is a .csv or a .parquet file, and its name must end so"):
        read_manifest(manifest_at(tmp_path, FRUIT, "manifest.txt"))


def test_named_scales_leave_other_columns_alone(tmp_path: Path) -> None:
    text = "path,who,fine,coarse\na,x y,f,c\nb,,f,c\n"
    manifest = read_manifest(manifest_at(tmp_path, text), scales=["fine", "coarse"])
    assert manifest.scales == ("fine", "coarse")
    assert manifest.split is None
    assert manifest.splits == ()


def test_one_scale_is_enough(tmp_path: Path) -> None:
    manifest = read_manifest(manifest_at(tmp_path, "path,fine\na,x\nb,y\n"))
    assert manifest.labels.tolist() == [[0], [1]]


def test_integer_labels_keep_their_text(tmp_path: Path) -> None:
    manifest = read_manifest(manifest_at(tmp_path, "path,fine,coarse\na,10,1\nb,9,1\nc,007,1\n"))
    assert manifest.taxonomy.names == (("007", "10", "9"), ("1",))


def test_csv_and_parquet_agree(tmp_path: Path) -> None:
    table = pa.table(
        {
            "path": pa.array(["a", "b", "c"], pa.large_string()),
            "fine": pa.array([10, 9, 10], pa.int32()),
            "coarse": pa.array(["x", "x", "x"]).dictionary_encode(),
            "split": ["train", "test", "train"],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
    write_manifest(table.to_pydict(), tmp_path / "m.csv")
    one, other = read_manifest(tmp_path / "m.parquet"), read_manifest(tmp_path / "m.csv")
    assert one.taxonomy == other.taxonomy
    assert one.labels.tolist() == other.labels.tolist()
    assert (one.paths, one.split) == (other.paths, other.split)


def test_the_root_may_be_elsewhere(tmp_path: Path) -> None:
    assert read_manifest(manifest_at(tmp_path, FRUIT), root="/pictures").full_path(0) == Path(
        "/pictures/a/1.jpg"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,fine\na,x\n",
            "no column 'path'; its columns are 'file', 'fine'. Name the column of picture paths",
        ),
        ("Path,fine\na,x\n", "Did you mean 'Path'?"),
        ("path;fine\na;x\n", "It seems to be separated by semicolons"),
        ("path,split\na,train\n", "no label column"),
        ("path,fine\na,x\nb,\nc,  \nd,y\n", "rows 3, 4: fine is blank. Fill it in or remove the rows."),
        (
            "path,fine\na,x\nb,x \nc,\u00a0y\n",
            "rows 3, 4: blanks around fine: 'x ', '\\xa0y'. Remove the blanks.",
        ),
        ("path,fine,split\na,x,train\nb,x,\n", "row 3: split is blank"),
        ("path,fine,split\na,x,train\nb,x, test\n", "row 3: blanks around split: ' test'"),
        (
            "path,fine\na,x\nb,y\na,x\n",
            "paths come more than once: 'a' in rows 2, 4. Keep one row a picture.",
        ),
        ("path,fine\na/b,x\na/./b,y\n", "paths come more than once: 'a/b' in rows 2, 3"),
        ("path,fine\n,x\nb,y\n", "row 2: the path is blank"),
        ("path,fine\na,x\n/b,y\n", "row 3: path '/b' is absolute"),
        ("path,fine\nC:\\b.jpg,y\n", "row 2: path 'C:\\\\b.jpg' is absolute"),
        ("path,fine\na\\b.jpg,y\n", "has backslashes; write 'a/b.jpg'"),
        ("path,fine\n../b,y\n", "row 2: path '../b' leaves the manifest's folder"),
        ("path,fine\na/../../b,y\n", "leaves the manifest's folder"),
        ("path,fine\nhttps://x.org/b,y\n", "is a web address"),
        ("path,fine\na/..,y\n", "is the manifest's folder, not a picture"),
        (
            "path,fine,coarse\na,x,1\nb,y,2\n",
            "'fine' and 'coarse' both have 2 classes, so their order is not clear",
        ),
        (",path,fine\n0,a,x\n", "column 1 has no name. Remove it (pandas: to_csv(index=False))"),
    ],
)
def test_bad_manifests_are_named_with_row_and_mend(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path, text)


def test_paths_may_hold_blanks_letters_and_dots_inside(tmp_path: Path) -> None:
    paths = ["a b/ç ü.jpg", "日本/x'y.jpg", 'q"uote,comma.jpg', "a/../b.jpg", "..c/d..jpg", " lead.jpg"]
    write_manifest({"path": paths, "fine": ["x"] * 6}, tmp_path / "manifest.csv")
    assert read_manifest(tmp_path).paths == paths


def test_many_blank_rows_are_counted(tmp_path: Path) -> None:
    text = "path,fine\n" + "".join(f"{i},\n" for i in range(9))
    assert "rows 2, 3, 4, 5, 6 and 4 more: fine is blank" in refusal(tmp_path, text)


def test_rows_are_counted_as_an_editor_shows_them(tmp_path: Path) -> None:
    text = 'path,fine,note\n\na,x,"two\nlines"\nb, y,\n'
    assert "row 5: blanks around fine" in refusal(tmp_path, text, scales=["fine"])


def test_parquet_rows_are_counted_from_one_and_nulls_are_blank(tmp_path: Path) -> None:
    file = tmp_path / "m.parquet"
    pyarrow.parquet.write_table(pa.table({"path": ["a", "b"], "fine": ["x", None]}), file)
    with pytest.raises(ManifestError, match=r"m.parquet: row 2: fine is blank"):
        read_manifest(file)
    pyarrow.parquet.write_table(pa.table({"path": ["a", None], "fine": ["x", "y"]}), file)
    with pytest.raises(ManifestError, match="row 2: the path is blank"):
        read_manifest(file)


def test_labels_that_are_no_text_or_integers_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.parquet"
    pyarrow.parquet.write_table(pa.table({"path": ["a"], "fine": ["x"], "score": [0.5]}), file)
    with pytest.raises(
        ManifestError, match="column 'score' holds double values; it must hold text or integers"
    ):
        read_manifest(file)
    assert len(read_manifest(file, scales=["fine"])) == 1


def test_labels_that_do_not_nest_name_file_classes_rows_and_mend(tmp_path: Path) -> None:
    file = manifest_at(tmp_path, "path,fine,coarse\na,x,1\nb,y,2\nc,z,2\nd,y,1\n")
    with pytest.raises(TaxonomyError) as caught:
        read_manifest(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "'y'" in message
    assert "See rows 3, 5." in message
    assert "If some are no scales, name those that are, fine to coarse" in message


def test_nesting_that_fails_higher_up_names_its_rows(tmp_path: Path) -> None:
    file = manifest_at(tmp_path, "path,fine,middle,coarse\na,x,m,1\nb,y,m,2\nc,z,n,2\n")
    with pytest.raises(TaxonomyError, match=r"'m'.*See rows 2, 3"):
        read_manifest(file, scales=["fine", "middle", "coarse"])


def test_scales_named_coarse_to_fine_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"named fine to coarse: did you mean fine,middle,coarse"):
        read_manifest(manifest_at(tmp_path, FRUIT), scales=["coarse", "middle", "fine"])


@pytest.mark.parametrize("scales", [["fin"], ["path"], [], "fine", ["fine", "fine"]])
def test_scales_that_cannot_be_are_refused(tmp_path: Path, scales: list[str]) -> None:
    with pytest.raises(ManifestError, match=r"no label column|one or more distinct column names"):
        read_manifest(manifest_at(tmp_path, FRUIT), scales=scales)


def test_a_misspelled_scale_gets_a_suggestion(tmp_path: Path) -> None:
    assert "Did you mean 'middle'?" in refusal(tmp_path, FRUIT, scales=["midle"])


def test_only_takes_one_split_with_its_own_classes(tmp_path: Path) -> None:
    test = read_manifest(manifest_at(tmp_path, FRUIT)).only("test")
    assert test.paths == ["a/3.jpg", "a/4.jpg", "a/5.jpg"]
    assert test.labels.tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert test.taxonomy.names == (("Conference", "Whole"), ("Milk", "Pear"), ("Dairy", "Fruit"))
    assert test.splits == ("test",)


def test_an_empty_or_missing_split_names_those_present(tmp_path: Path) -> None:
    manifest = read_manifest(manifest_at(tmp_path, FRUIT))
    with pytest.raises(
        ManifestError, match=r"no rows of split 'tset'; its splits are train, test. Did you mean 'test'"
    ):
        manifest.only("tset")
    bare = read_manifest(manifest_at(tmp_path, "path,fine\na,x\n"))
    with pytest.raises(ManifestError, match=r"no split column.*`dyml data split"):
        bare.only("train")


def test_subset_takes_masks_and_positions(tmp_path: Path) -> None:
    manifest = read_manifest(manifest_at(tmp_path, FRUIT))
    assert manifest.subset([4, 0]).paths == ["a/5.jpg", "a/1.jpg"]
    assert manifest.subset(np.array([True, False, False, False, False])).paths == ["a/1.jpg"]
    assert manifest.subset([-1]).paths == ["a/5.jpg"]
    for wrong in ([], np.zeros(5, dtype=bool)):
        with pytest.raises(ManifestError, match="no rows are left"):
            manifest.subset(wrong)
    with pytest.raises(ManifestError, match=r"must be \(5,\); got \(2,\)"):
        manifest.subset(np.array([True, False]))


def test_usual_splits_come_first(tmp_path: Path) -> None:
    splits = ["query", "test", "gallery", "val", "train"]
    write_manifest({"path": list("abcde"), "fine": ["x"] * 5, "split": splits}, tmp_path / "manifest.csv")
    assert read_manifest(tmp_path).splits == ("train", "val", "test", "gallery", "query")


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """Label rows (coarse, middle, fine) that nest, with odd names."""
    name = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=4)
    fine = draw(st.lists(st.tuples(name, name, name), min_size=1, max_size=8))
    return [(c, f"{c}/{m}", f"{c}/{m}/{f}") for c, m, f in fine]


@settings(max_examples=40, deadline=None)
@given(rows=trees(), ending=st.sampled_from([".csv", ".parquet"]), data=st.data())
def test_what_is_written_is_read_again_and_subsets_keep_names(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    ending: str,
    data: st.DataObject,
) -> None:
    target = tmp_path_factory.mktemp("m") / f"manifest{ending}"
    coarse, middle, fine = (list(column) for column in zip(*rows))
    paths = [f"p {i}" for i in range(len(rows))]
    write_manifest({"path": paths, "coarse": coarse, "middle": middle, "fine": fine}, target)
    scales = ["fine", "middle", "coarse"]
    manifest = read_manifest(target, scales)
    assert named(manifest) == list(zip(fine, middle, coarse))
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, unique=True))
    part = manifest.subset(chosen)
    assert named(part) == [named(manifest)[i] for i in chosen]
    assert part.taxonomy.num_classes == tuple(len({row[m] for row in named(part)}) for m in range(3))


def named(manifest: Manifest) -> list[tuple[str, ...]]:
    names = manifest.taxonomy.names
    assert names is not None
    return [tuple(names[m][i] for m, i in enumerate(row)) for row in manifest.labels]


def test_writing_refuses_what_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="needs a 'path' column"):
        write_manifest({"fine": ["x"]}, tmp_path / "m.csv")
    with pytest.raises(ManifestError, match="must have one length"):
        write_manifest({"path": ["a", "b"], "fine": ["x"]}, tmp_path / "m.csv")
    with pytest.raises(ManifestError, match=r"must end in .csv or .parquet"):
        write_manifest({"path": ["a"], "fine": ["x"]}, tmp_path / "m.txt")
    assert list(tmp_path.iterdir()) == []


def test_writing_below_a_file_names_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="a file, not a folder"):
        write_manifest({"path": ["a"], "fine": ["x"]}, tmp_path / "file" / "m.csv")


@pytest.mark.shared
@pytest.mark.parametrize(("name", "classes"), [("grocery", (81, 43, 3)), ("omniglot", (242, 8, 3))])
def test_real_manifests_are_read(shared_data: Path, name: str, classes: tuple[int, ...]) -> None:
    manifest = read_manifest(shared_data / name)
    assert manifest.taxonomy.num_classes == classes
    assert manifest.splits == ("train", "test")
