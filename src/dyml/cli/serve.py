"""`dyml serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyml.cli.options import SOURCE

if TYPE_CHECKING:
    from dyml.models.embedding import EmbedsPictures
    from dyml.serve import Limits

LEVELS = ("debug", "info", "warning", "error")


def serve(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help=SOURCE)] = None,
    gallery: Annotated[
        Path | None,
        typer.Argument(metavar="GALLERY", help="A folder that `dyml index` made with this model."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="The model and the gallery that `dyml demo` made.")
    ] = False,
    run: Annotated[Path, typer.Option("--run", help="With --demo: the run folder.")] = Path("runs/demo"),
    host: Annotated[
        str, typer.Option("--host", help="The address to listen at; 0.0.0.0: every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8000,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="A file of API keys, a line each: `role key-or-hash name`."),
    ] = None,
    new_key: Annotated[
        str | None,
        typer.Option("--new-key", metavar="ROLE", help="Print a new key for `read` or `write`, and end."),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            "--cors",
            metavar="ORIGIN",
            help="A site whose pages may ask, such as https://shop.example; repeatable. By default none.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="A name that the service is called by; repeatable."
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=VALUE",
            help="Another bound, such as pixels=10000000; repeatable. `--limit help` lists them.",
        ),
    ] = None,
    runtime: Annotated[
        str,
        typer.Option(
            "--runtime",
            help="What runs the network: torch, or onnx, the file that `dyml export` wrote into the model "
            "folder, often faster on a processor.",
        ),
    ] = "torch",
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve a model and its gallery: search, compare and embed over HTTP, and a page for browsers.

    Ctrl-C or SIGTERM end it when everything is answered. Without --keys everybody who reaches it may read;
    writing is open only where it listens to this machine alone, as it does by default.

    **Examples**

    `dyml serve --demo`

    `dyml serve runs/grocery galleries/grocery --port 8080 --keys keys.txt`
    """
    if new_key is not None:
        typer.echo(_new_key(new_key))
        return
    if limit and "help" in limit:
        typer.echo(_limits_text())
        return
    from dyml.errors import ConfigError

    if demo:
        from dyml.serve.demonstration import demo_gallery

        model, gallery = str(run), demo_gallery(run)
    if model is None or gallery is None:
        raise ConfigError("name a model and a gallery, or --demo: `dyml serve MODEL GALLERY`")
    bounds = _limits(limit or [])
    _serve(model, gallery, host, port, keys, cors or [], allow_host or [], bounds, runtime, log_level)


def _serve(
    model: str,
    gallery: Path,
    host: str,
    port: int,
    keys: Path | None,
    cors: list[str],
    names: list[str],
    limits: "Limits",
    runtime: str,
    log_level: str,
) -> None:
    from dyml.errors import ConfigError, suggest
    from dyml.index import Gallery
    from dyml.serve import create_app, read_keys
    from dyml.serve.logs import log_to_stderr
    from dyml.serve.running import LOOPBACK, check_origins, host_names, open_door, run, url_of

    if log_level not in LEVELS:
        raise ConfigError(f"--log-level {log_level}: one of {', '.join(LEVELS)}.{suggest(log_level, LEVELS)}")
    log_to_stderr(log_level)
    known = None if keys is None else read_keys(keys)
    origins = check_origins(cors)
    with open_door(host, port) as door, Gallery.open(gallery, model=model) as opened:
        app = create_app(
            _embedder(model, runtime),
            opened,
            limits=limits,
            keys=known,
            open_writing=host in LOOPBACK,
            cors=origins,
            hosts=host_names(host, names),
        )
        typer.echo(f"dyml serves {gallery} at {url_of(door)}", err=True)
        run(app, limits, door)


def _embedder(model: str, runtime: str) -> "EmbedsPictures":
    from dyml.errors import ConfigError, suggest

    if runtime == "onnx":
        from dyml.export import open_onnx

        return open_onnx(model)
    if runtime != "torch":
        raise ConfigError(f"--runtime {runtime}: torch or onnx.{suggest(runtime, ('torch', 'onnx'))}")
    from dyml.training.judge import open_source
    from dyml.training.precision import fastest_device

    return open_source(model)[0].to(fastest_device())


def _new_key(role: str) -> str:
    from dyml.errors import ConfigError, suggest
    from dyml.serve.keys import ROLES, new_key

    if role not in ROLES:
        raise ConfigError(f"no role {role!r}; there are {' and '.join(ROLES)}.{suggest(role, ROLES)}")
    key, line = new_key("write" if role == "write" else "read")
    return f"the key, for the client:          {key}\nits line, for the service's file: {line}"


def _limits(given: list[str]) -> "Limits":
    from dyml.errors import ConfigError, suggest
    from dyml.serve import Limits

    values: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in Limits.model_fields:
            raise ConfigError(f"no limit {name!r}.{suggest(name, Limits.model_fields)} See --limit help")
        try:
            values[name] = float(value) if "." in value else int(value)
        except ValueError as error:
            raise ConfigError(f"--limit {name}={value}: not a number") from error
    return Limits(**values)


def _limits_text() -> str:
    from dyml.serve import Limits

    return "\n".join(
        f"{f'{name}={field.default}':<26} {field.description}" for name, field in Limits.model_fields.items()
    )
