"""The package holds all that it needs and works by itself; the image's files fit the service."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from sysconfig import get_path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SMOKE = """
import json, sys
sys.path[:0] = [sys.argv[1]]
sys.path.append(sys.argv[2])
import dyml
heavy = sorted({"torch", "timm", "lightning", "matplotlib", "pyarrow"} & set(sys.modules))
from importlib.metadata import version
from importlib.resources import files
from fastapi.testclient import TestClient
from dyml import Embedder
from dyml.index import Gallery
from dyml.serve import create_app
embedder = Embedder("dyml_small", dim=8, image_size=16, backbone_args={"width": 4})
embedder.save_pretrained(sys.argv[3] + "/model")
embedder = Embedder.from_pretrained(sys.argv[3] + "/model")
gallery = Gallery.create(sys.argv[3] + "/gallery", 8, ("fine",), model=sys.argv[3] + "/model")
with TestClient(create_app(embedder, gallery)) as client:
    page = client.get("/")
    linked = __import__("re").findall(r'(?:src|href)="(/?[^":]+[.](?:js|css|svg))"', page.text)
    found = {name: client.get("/" + name.lstrip("/")).status_code for name in linked}
print(json.dumps({
    "from": dyml.__file__, "heavy": heavy, "version": [version("dyml"), dyml.__version__],
    "page": page.status_code, "linked": found,
    "style": files("dyml.report").joinpath("style.css").is_file(),
    "typed": files("dyml").joinpath("py.typed").is_file(),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from the source distribution alone."""
    folder = tmp_path_factory.mktemp("dist")
    made = run(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT))
    if "Could not find a version" in made.stdout + made.stderr:
        pytest.skip("the build backend cannot be had: no package registry")
    assert made.returncode == 0, made.stdout + made.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.slow
def test_everything_of_the_source_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/dyml").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    configs = {f"dyml/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "configs").rglob("*.yaml")}
    assert source | configs <= packed
    assert {"dyml/py.typed", "dyml/report/style.css", "dyml/serve/page/index.html"} <= packed
    assert not [name for name in packed if name.startswith(("tests/", "benchmarks/", "docs/"))]


@pytest.mark.slow
def test_the_wheel_alone_works(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    done = run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "-q",
        "--target",
        str(target),
        str(wheel),
    )
    assert done.returncode == 0, done.stderr
    # -S leaves out the .pth file by which a checkout would be found.
    others = get_path("purelib")
    python = (sys.executable, "-S", "-c")
    smoke = run(*python, SMOKE, str(target), others, str(tmp_path))
    assert smoke.returncode == 0, smoke.stderr
    said = json.loads(smoke.stdout.splitlines()[-1])
    assert Path(said["from"]).is_relative_to(target)
    assert said["heavy"] == []
    assert said["version"][0] == said["version"][1]
    assert said["page"] == 200
    assert len(said["linked"]) >= 2
    assert set(said["linked"].values()) == {200}
    assert said["style"]
    assert said["typed"]
    command = "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]; from dyml.cli import main; main()"
    helped = run(*python, command, str(target), others, "--help")
    assert "dyml demo" in helped.stdout, helped.stderr
    assert (target / "bin" / "dyml").is_file()
    planned = run(*python, command, str(target), others, "train", "--help")
    assert planned.returncode == 0, planned.stderr


def test_the_image_serves_as_a_plain_user_and_is_asked_for_its_health() -> None:
    from dyml.serve.guard import ALWAYS

    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert text.index("\nUSER") > text.rindex("\nRUN")
    checked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", text)
    assert checked is not None
    assert checked[2] in ALWAYS
    command = json.loads(re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)[1])  # type: ignore[index]
    assert command[:3] == ["serve", "/srv/model", "/srv/gallery"]
    assert command[command.index("--port") + 1] == checked[1]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert f"!{name}" in allowed, f"{name} is kept out by .dockerignore"


def test_the_compose_files_fit_the_image() -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["dyml"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert {volume["target"] for volume in service["volumes"]} == {"/srv/model", "/srv/gallery"}
    assert service["read_only"] is True
    cuda = yaml.safe_load((ROOT / "compose.cuda.yaml").read_text())["services"]["dyml"]
    (argument,) = cuda["build"]["args"]
    assert f"ARG {argument}=" in (ROOT / "Dockerfile").read_text()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
