"""Manifests from nested folders."""

import os
from pathlib import Path

import pytest

from dyml.data import read_manifest, write_manifest
from dyml.data.scan import qualified_names, scan_folder
from dyml.errors import ManifestError


def planted(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def refusal(folder: Path, **options: object) -> str:
    with pytest.raises(ManifestError) as caught:
        scan_folder(folder, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_folders_become_scales(tmp_path: Path) -> None:
    planted(
        tmp_path,
        "Fruit/Pear/Kaiser/1.JPG",
        "Fruit/Apple/Gala/2.png",
        "Fruit/Apple/Gala/1.jpeg",
        "Dairy/M/W/x.webp",
    )
    found = scan_folder(tmp_path)
    assert found.columns == {
        "path": [
            "Dairy/M/W/x.webp",
            "Fruit/Apple/Gala/1.jpeg",
            "Fruit/Apple/Gala/2.png",
            "Fruit/Pear/Kaiser/1.JPG",
        ],
        "coarse": ["Dairy", "Fruit", "Fruit", "Fruit"],
        "middle": ["M", "Apple", "Apple", "Pear"],
        "fine": ["W", "Gala", "Gala", "Kaiser"],
    }
    assert list(found.columns) == ["path", "coarse", "middle", "fine"]
    assert (found.scales, found.classes, len(found)) == (("fine", "middle", "coarse"), (3, 3, 2), 4)
    assert found.single == ["Kaiser", "W"]


@pytest.mark.parametrize(
    ("path", "scales"),
    [
        ("a/1.png", ("fine",)),
        ("a/b/1.png", ("fine", "coarse")),
        ("a/b/c/1.png", ("fine", "middle", "coarse")),
        ("a/b/c/d/1.png", ("scale0", "scale1", "scale2", "scale3")),
    ],
)
def test_any_depth_has_names(tmp_path: Path, path: str, scales: tuple[str, ...]) -> None:
    found = scan_folder(planted(tmp_path, path))
    assert found.scales == scales
    assert found.columns[scales[0]] == [path.split("/")[-2]]
    assert found.columns[scales[-1]] == ["a"]


def test_scales_may_be_named_fine_to_coarse(tmp_path: Path) -> None:
    planted(tmp_path, "Cervidae/Alces/alces/1.png")
    found = scan_folder(tmp_path, ["species", "genus", "family"])
    assert found.columns["species"] == ["alces"]
    assert found.columns["family"] == ["Cervidae"]
    assert "so 3 scale names are needed" in refusal(tmp_path, scales=["species"])
    for wrong in (["a", "b", "path"], ["a", "a", "b"], ["a", "", "b"], ["a", "b ", "c"]):
        assert "scale names must be distinct, not blank, and not path or split" in refusal(
            tmp_path, scales=wrong
        )


def test_what_is_scanned_can_be_read(tmp_path: Path) -> None:
    planted(tmp_path, "A/x y/é/1.png", "A/x y/z/1.png", "A/w/q/1.png", "B/v/r/1.png", 'B/v/r/a,b "c".png')
    write_manifest(scan_folder(tmp_path).columns, tmp_path / "manifest.csv")
    manifest = read_manifest(tmp_path)
    assert manifest.taxonomy.num_classes == (4, 3, 2)
    assert all(manifest.full_path(i).is_file() for i in range(len(manifest)))


def test_paths_are_relative_to_a_folder_above(tmp_path: Path) -> None:
    planted(tmp_path, "data/images/A/1.png")
    found = scan_folder(tmp_path / "data/images", root=tmp_path)
    assert found.columns == {"path": ["data/images/A/1.png"], "fine": ["A"]}
    assert "the manifest must lie in" in refusal(tmp_path / "data", root=tmp_path / "other")


def test_one_name_under_several_parents_is_several_classes(tmp_path: Path) -> None:
    planted(tmp_path, "A/red/s/1.png", "B/red/s/1.png", "B/blue/s/1.png", "B/blue/t/1.png")
    found = scan_folder(tmp_path)
    assert found.columns["middle"] == ["A/red", "blue", "blue", "B/red"]
    assert found.columns["fine"] == ["A/red/s", "blue/s", "t", "B/red/s"]
    assert found.qualified == {"middle": ["A/red", "B/red"], "fine": ["A/red/s", "B/red/s", "blue/s"]}
    assert any("middle: one folder name under several parents" in note for note in found.notes())
    write_manifest(found.columns, tmp_path / "manifest.csv")
    assert read_manifest(tmp_path).taxonomy.num_classes == (4, 3, 2)


def test_a_name_may_come_at_several_levels() -> None:
    names = qualified_names([("A", "A", "A"), ("B", "C", "D")])
    assert [list(level.values()) for level in names] == [["A", "B"], ["A", "C"], ["A", "D"]]


def test_what_is_no_picture_is_counted(tmp_path: Path) -> None:
    planted(
        tmp_path, "A/1.png", "A/2.png", "A/notes.txt", "README", "B/x.heic", "A/.hidden.png", ".git/x.png"
    )
    planted(tmp_path, "__MACOSX/A/1.png", "A/Thumbs.db", "C/D/.keep")
    found = scan_folder(tmp_path)
    assert found.columns["path"] == ["A/1.png", "A/2.png"]
    assert found.others == {".txt": 1, "": 1, ".heic": 1}
    assert found.hidden == 5
    assert found.empty == ["B", "C", "C/D"]
    notes = " ".join(found.notes())
    assert "3 files are no picture and left out" in notes
    assert "no ending 1" in notes
    assert "folders without pictures: B, C, C/D" in notes


def test_links_are_followed_but_never_in_a_circle(tmp_path: Path) -> None:
    planted(tmp_path, "data/A/x/1.png", "elsewhere/2.png")
    os.symlink(tmp_path / "data", tmp_path / "data/A/x/loop")
    os.symlink(tmp_path / "data/A", tmp_path / "data/A/again")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data/A/linked")
    os.symlink(tmp_path / "gone", tmp_path / "data/A/x/broken.png")
    found = scan_folder(tmp_path / "data")
    assert found.columns["path"] == ["A/linked/2.png", "A/x/1.png"]
    assert found.loops == ["A/again", "A/x/loop"]
    assert found.broken == ["A/x/broken.png"]
    notes = " ".join(found.notes())
    assert "links back to a folder above, left out: A/again, A/x/loop" in notes
    assert "links that lead nowhere, left out: A/x/broken.png" in notes


def test_unequal_depths_are_refused_with_examples(tmp_path: Path) -> None:
    planted(tmp_path, "A/x/1.png", "A/x/2.png", "A/3.png", "4.png")
    message = refusal(tmp_path)
    assert "2 pictures 2 folders deep, such as 'A/x/1.png'" in message
    assert "1 picture 1 folder deep, such as 'A/3.png'" in message
    assert "1 picture 0 folders deep, such as '4.png'" in message


def test_folders_without_classes_are_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "gone")
    assert "no pictures under it. Pictures are known by their endings: .bmp" in refusal(tmp_path)
    planted(tmp_path, "a.txt")
    assert "no pictures under it (only files of .txt)" in refusal(tmp_path)
    planted(tmp_path, "1.png")
    assert "pictures lie in it directly, such as '1.png'" in refusal(tmp_path)


def test_names_that_a_manifest_cannot_hold_are_refused(tmp_path: Path) -> None:
    planted(tmp_path, "one/A /1.png")
    assert "folder names with blanks around them: 'A '. Rename them." in refusal(tmp_path / "one")
    planted(tmp_path, "two/A/b\\c.png")
    assert "names with backslashes or that are not UTF-8" in refusal(tmp_path / "two")
    os.makedirs(os.fsencode(tmp_path) + b"/three/\xe9")
    open(os.fsencode(tmp_path) + b"/three/\xe9/1.png", "w").close()
    assert "names with backslashes or that are not UTF-8: '\\\\udce9/1.png'" in refusal(tmp_path / "three")


def test_notes_warn_of_what_will_hurt_later(tmp_path: Path) -> None:
    planted(tmp_path, "images/A/1.png", "images/A/2.png", "images/B/3.png")
    notes = scan_folder(tmp_path).notes()
    assert "coarse: all pictures lie in one class; scan the folder below it instead." in notes
    assert "1 class has a single picture, which can never be retrieved: B." in notes
    planted(tmp_path / "tie", "A/a/1.png", "B/b/1.png")
    tie = scan_folder(tmp_path / "tie").notes()
    assert any(
        "fine and coarse have equally many classes" in note and "--scales fine,coarse" in note for note in tie
    )


def test_a_clean_folder_has_nothing_to_note(tmp_path: Path) -> None:
    planted(tmp_path, "A/x/1.png", "A/x/2.png", "A/y/1.png", "A/y/2.png", "B/z/1.png", "B/z/2.png")
    assert scan_folder(tmp_path).notes() == []


@pytest.mark.shared
def test_real_folders_give_the_real_manifest(shared_data: Path) -> None:
    found = scan_folder(shared_data / "grocery/images", root=shared_data / "grocery")
    manifest = read_manifest(shared_data / "grocery")
    assert sorted(found.columns["path"]) == sorted(manifest.paths)
    assert found.classes == manifest.taxonomy.num_classes
