"""GET /docs: the OpenAPI document as a page, without scripts and without anything from elsewhere."""

import json
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 0.4rem; }
h2 { margin: 2.5rem 0 0.5rem; border-top: 1px solid #8886; padding-top: 1rem; font-size: 1.2rem; }
h2 b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: 0.15rem 1rem 0.15rem 0; vertical-align: top; }
"""


def docs_page(document: dict[str, Any]) -> str:
    """Return the page.

    Args:
        document: OpenAPI 3.1.
    """
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>{escape(info['title'])}</title><link rel=stylesheet href=/docs.css>",
        f"<main><h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])}</p>",
        "<p>For programs: <a href=/openapi.json>openapi.json</a></p>",
    ]
    for path, methods in document["paths"].items():
        parts += [_operation(path, method, told) for method, told in methods.items()]
    models = document.get("components", {}).get("schemas", {})
    parts.append("<h2 id=models>Models</h2>")
    for name, schema in sorted(models.items()):
        parts.append(f"<h3 id=model-{escape(name)}>{escape(name)}</h3>{_json(schema)}")
    return "\n".join([*parts, "</main></html>"])


def _operation(path: str, method: str, told: dict[str, Any]) -> str:
    parts = [f"<h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>"]
    parts.append(f"<p>{escape(told.get('description') or told.get('summary', ''))}</p>")
    if told.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code><td>{'required' if one.get('required') else ''}"
            f"<td>{escape(one.get('description', ''))}"
            for one in told["parameters"]
        )
        parts.append(f"<h3>Parameters</h3><table>{rows}</table>")
    for kind, content in told.get("requestBody", {}).get("content", {}).items():
        shown = content.get("example", content.get("schema"))
        parts.append(f"<h3>Body: <code>{escape(kind)}</code></h3>{_json(shown)}")
    rows = "".join(
        f"<tr><td>{escape(status)}<td>{escape(one['description'])}<td>{_model_link(one)}"
        for status, one in told["responses"].items()
    )
    parts.append(f"<h3>Answers</h3><table>{rows}</table>")
    return "\n".join(parts)


def _model_link(answer: dict[str, Any]) -> str:
    for content in answer.get("content", {}).values():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name:
            return f"<a href='#model-{escape(name)}'>{escape(name)}</a>"
    return ""


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
