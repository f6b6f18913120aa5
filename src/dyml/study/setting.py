"""How the study was made: budget, seeds, machine, versions, and the settings of every method."""

import json
from collections.abc import Sequence
from typing import Any

from dyml.study.plan import Task


def about(tasks: Sequence[Task], budget: str) -> dict[str, Any]:
    """Return what the page says of the making: `summary`, `details` (Markdown) and `facts` (for JSON)."""
    from dyml.study.page import compact

    machines = _environments(tasks)
    seeds = sorted({task.seed for task in tasks})
    rows = []
    for task in {task.chosen.name: task for task in tasks}.values():
        config = task.config
        network = f"{config.model.backbone} {compact(config.model.backbone_args)}, D {config.model.dim}"
        sampler = f"{config.sampler.batch_size} / {compact(config.sampler.per_class)}"
        rows.append(
            f"| {task.chosen.name} | {config.data.size} px | {network} | {sampler} | {config.train.epochs} | "
            f"{config.optim.type.rpartition('.')[2]}, {config.optim.lr:g}, proxies {_proxy_rate(task)} |"
        )
    heads = [
        "| set | pictures | network | batch / a class | epochs | optimiser and rates |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    methods = ["| method | short name | source | `loss` |", "| --- | --- | --- | --- |"]
    for method in {task.method.key: task.method for task in tasks}.values():
        own = compact(method.loss)
        if method.settings:
            own += f" with {compact(method.settings)}"
        if method.sets:
            own += f"; {compact(method.sets)}"
        methods.append(f"| {method.title} | {method.key} | {method.source} | `{own}` |")
    machine = machines[0] if machines else {}
    words = [
        f"Budget `{budget}`, seeds {', '.join(map(str, seeds))}; {_machine_words(machine)}.",
        "" if len(machines) < 2 else f"The runs were made on {len(machines)} machines or sets of versions.",
    ]
    return {
        "summary": " ".join(word for word in words if word),
        "details": [
            "\n".join([*heads, *rows]),
            "One policy for all: the softmax family, Cross-Scale Learning and tied proxies share temperature "
            "and margins; all others keep their papers' settings. Proxies begin in random directions, but "
            "for the method that says otherwise, and have the same rate. Network, augmentation and the "
            "other rates of the shipped configurations were found with Cross-Scale Learning.",
            "\n".join(methods),
        ],
        "facts": {"budget": budget, "seeds": seeds, "machines": machines},
    }


def _proxy_rate(task: Task) -> str:
    return f"{task.config.optim.proxy_lr or task.config.optim.lr:g}"


def _environments(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Return the machines and versions of the finished runs, each once."""
    found: list[dict[str, Any]] = []
    for task in tasks:
        if task.state() == "done" and task.folder.environment.is_file():
            value = json.loads(task.folder.environment.read_text(encoding="utf-8"))
            if value not in found:
                found.append(value)
    return found


def _machine_words(machine: dict[str, Any]) -> str:
    if not machine:
        return "machine unknown"
    packages = machine.get("packages", {})
    versions = ", ".join(
        f"{name} {packages[name]}" for name in ("dyml", "torch", "timm") if packages.get(name)
    )
    where = machine.get("gpu") or "no GPU"
    return (
        f"{machine.get('processor')}, {machine.get('threads')} thread(s) a run, {where}; {versions}, "
        f"Python {machine.get('python')}"
    )
