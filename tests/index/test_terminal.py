"""Pictures in a terminal: the protocols' own forms, decoded again."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from dyml.errors import ConfigError
from dyml.index.terminal import draw, half_blocks, iterm2, kitty, montage, protocol_for, sixels
from dyml.index.text_filters import where_of


def coded(colour: tuple[int, int, int], size: tuple[int, int] = (30, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "WezTerm"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-sixel"}, "sixel"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_what_terminals_say_of_themselves(environment: dict[str, str], protocol: str) -> None:
    assert protocol_for(environment) == protocol


def test_a_montage() -> None:
    pictures = [coded((255, 0, 0)), None, coded((0, 0, 255))]
    sheet = np.asarray(montage(pictures, 10, 2, 25))
    assert sheet.shape == (22, 22, 3)
    assert sheet[5, 5].tolist() == [255, 0, 0]
    assert sheet[5, 17].tolist() == [0, 0, 0]
    assert sheet[17, 5].tolist() == [0, 0, 255]
    assert montage(pictures, 10, 2, 5).size == (10, 34)  # never less than one across


def test_half_blocks() -> None:
    picture = Image.fromarray(np.array([[[1, 2, 3]], [[4, 5, 6]], [[7, 8, 9]]], np.uint8))
    first, second = half_blocks(picture).splitlines()
    assert first == "\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m"
    assert second == "\x1b[38;2;7;8;9;48;2;0;0;0m▀\x1b[0m"


def test_kitty_and_iterm2_carry_the_file() -> None:
    data = bytes(range(256)) * 40
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", kitty(data))
    assert base64.b64decode("".join(text for _, text in chunks)) == data
    assert all(len(text) <= 4096 for _, text in chunks)
    assert [keys for keys, _ in chunks] == ["a=T,f=100,m=1", "m=1", "m=1", "m=0"]
    text = iterm2(data)
    assert f"size={len(data)}" in text
    assert base64.b64decode(text.partition(":")[2].rstrip("\x07")) == data


def test_sixels_show_the_pixels() -> None:
    pixels = np.zeros((8, 3, 3), np.uint8)
    pixels[:, 1] = (255, 0, 0)
    text = sixels(Image.fromarray(pixels))
    assert text.startswith('\x1bPq"1;1;3;8')
    assert text.endswith("-\x1b\\")
    red = re.search(r"#(\d+);2;100;0;0", text)
    assert red is not None
    bands = re.sub(r"#\d+;2;\d+;\d+;\d+", "", text.partition("3;8")[2]).split("-")
    # The middle column of six rows is 0b111111 = 63 + 63 = '~'; of the two rows left 0b11 = 63 + 3 = 'B'.
    assert f"#{red[1]}?~?$" in bands[0]
    assert f"#{red[1]}?B?$" in bands[1]


@pytest.mark.parametrize("protocol", ["kitty", "iterm2", "sixel", "blocks"])
def test_all_draw(protocol) -> None:
    assert "\x1b" in draw([coded((9, 8, 7)), None], protocol, 40)
    if protocol == "blocks":
        lines = draw([coded((9, 8, 7))] * 9, protocol, 40).splitlines()
        assert max(line.count("▀") for line in lines) <= 40


def test_filters_as_text() -> None:
    scales = ("fine", "middle")
    assert where_of(["middle=1", "id=2", "price=1"], scales) == {
        "middle": {"eq": "1"},
        "id": {"eq": "2"},
        "price": {"eq": 1},
    }
    assert where_of(["n>=1.5", "n<3", "on=true", 'code="7"', "name=a b"], scales) == {
        "n": {"ge": 1.5, "lt": 3},
        "on": {"eq": True},
        "code": {"eq": "7"},
        "name": {"eq": "a b"},
    }
    assert where_of(["fine=a|b", "n!=1|2"], scales) == {"fine": {"in": ["a", "b"]}, "n": {"not_in": [1, 2]}}
    for bad, text in (("fine", "write NAME=VALUE"), ("=3", "write NAME=VALUE")):
        with pytest.raises(ConfigError, match=text):
            where_of([bad], scales)
    with pytest.raises(ConfigError, match="is there twice"):
        where_of(["fine=a", "fine=b"], scales)
