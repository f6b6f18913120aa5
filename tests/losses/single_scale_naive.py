"""Single-scale losses as loops over numbers, from their formulas: no code of the package or its libraries."""

import math
from collections.abc import Callable
from typing import Any

from hierarchical_ap_naive import naive_precision

Rows = list[list[float]]


def cosine(a: list[float], b: list[float]) -> float:
    dot = math.fsum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(math.fsum(x * x for x in a) * math.fsum(y * y for y in b))


def distance(a: list[float], b: list[float]) -> float:
    return math.sqrt(math.fsum((x - y) ** 2 for x, y in zip(a, b)))


def log_sum(exponents: list[float]) -> float:
    top = max(exponents)
    return top + math.log(math.fsum(math.exp(e - top) for e in exponents))


def cross_entropy(logits: list[float], label: int) -> float:
    return log_sum(logits) - logits[label]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def margin_softmax(x: Rows, y: list[int], w: Rows, change: Callable[[float], float], scale: float) -> float:
    """Mean of -log softmax(scale * cosine), the own cosine changed first."""
    losses = []
    for row, label in zip(x, y):
        cosines = [cosine(row, proxy) for proxy in w]
        cosines[label] = change(cosines[label])
        losses.append(cross_entropy([scale * c for c in cosines], label))
    return mean(losses)


def arc(margin_degrees: float) -> Callable[[float], float]:
    margin = math.radians(margin_degrees)

    def change(c: float) -> float:
        angle = math.acos(c)
        return math.cos(angle + margin) if angle <= math.pi - margin else c - margin * math.sin(margin)

    return change


def proxy_anchor(x: Rows, y: list[int], w: Rows, margin: float, scale: float) -> float:
    positive, negative = [], []
    for c, proxy in enumerate(w):
        near = [scale * (margin - cosine(row, proxy)) for row, label in zip(x, y) if label == c]
        far = [scale * (cosine(row, proxy) + margin) for row, label in zip(x, y) if label != c]
        if near:
            positive.append(log_sum([0.0, *near]))
        negative.append(log_sum([0.0, *far]))
    return mean(positive) + mean(negative)


def soft_triple(
    x: Rows, y: list[int], w: Rows, centers: int, scale: float, gamma: float, margin: float
) -> float:
    losses = []
    for row, label in zip(x, y):
        logits = []
        for c in range(len(w) // centers):
            s = [cosine(row, center) for center in w[c * centers : (c + 1) * centers]]
            weights = [math.exp(v / gamma) for v in s]
            logits.append(math.fsum(a * v for a, v in zip(weights, s)) / math.fsum(weights))
        logits[label] -= margin
        losses.append(cross_entropy([scale * v for v in logits], label))
    return mean(losses)


def merged_soft_triple(
    x: Rows, y: list[int], w: Rows, centers: int, scale: float, gamma: float, margin: float, merging: float
) -> float:
    classes = range(len(w) // centers)
    total = 0.0
    for c in classes:
        for t in range(c * centers, (c + 1) * centers):
            for s in range(t + 1, (c + 1) * centers):
                total += math.sqrt(2 - 2 * cosine(w[s], w[t]))
    penalty = total / (len(classes) * centers * (centers - 1))
    return soft_triple(x, y, w, centers, scale, gamma, margin) + merging * penalty


def average_precision(x: Rows, y: list[int], **settings: Any) -> float:
    losses = []
    for a in range(len(x)):
        near = pairs_of(x, y, a)[0]
        if near:
            levels = [-1 if j == a else int(j in near) for j in range(len(x))]
            losses.append(1 - naive_precision([cosine(x[a], row) for row in x], levels, 1, **settings))
    return mean(losses)


def roadmap(
    x: Rows, y: list[int], share: float, alpha: float, beta: float, violating: bool, **settings: Any
) -> float:
    near, far = [], []
    for a in range(len(x)):
        positives, negatives = pairs_of(x, y, a)
        near += [max(0.0, alpha - cosine(x[a], x[p])) for p in positives]
        far += [max(0.0, cosine(x[a], x[n]) - beta) for n in negatives]
    if violating:
        near, far = [v for v in near if v > 0], [v for v in far if v > 0]
    marks = mean(near) + mean(far)
    return (1 - share) * average_precision(x, y, **settings) + share * marks


def circle(positive: list[float], negative: list[float], margin: float, scale: float) -> float:
    """log(1 + sum exp(negative) * sum exp(positive)), the weights from the optimum at each similarity."""
    near = [-scale * max(0.0, 1 + margin - s) * (s - (1 - margin)) for s in positive]
    far = [scale * max(0.0, s + margin) * (s - margin) for s in negative]
    if not near or not far:
        return 0.0
    return log_sum([0.0, log_sum(near) + log_sum(far)])


def circle_proxies(x: Rows, y: list[int], w: Rows, margin: float, scale: float) -> float:
    losses = []
    for row, label in zip(x, y):
        s = [cosine(row, proxy) for proxy in w]
        losses.append(circle([s[label]], s[:label] + s[label + 1 :], margin, scale))
    return mean(losses)


def pairs_of(x: Rows, y: list[int], anchor: int) -> tuple[list[int], list[int]]:
    others = [j for j in range(len(x)) if j != anchor]
    return [j for j in others if y[j] == y[anchor]], [j for j in others if y[j] != y[anchor]]


def circle_pairs(x: Rows, y: list[int], margin: float, scale: float) -> float:
    losses = []
    for a in range(len(x)):
        near, far = pairs_of(x, y, a)
        losses.append(
            circle([cosine(x[a], x[p]) for p in near], [cosine(x[a], x[n]) for n in far], margin, scale)
        )
    return mean([loss for loss in losses if loss > 0])


def triplet(x: Rows, y: list[int], margin: float, mining: str) -> float:
    losses = []
    for a in range(len(x)):
        near, far = pairs_of(x, y, a)
        if not near or not far:
            continue
        d_near, d_far = ([distance(x[a], x[j]) for j in group] for group in (near, far))
        if mining == "hard":
            losses.append(max(d_near) - min(d_far) + margin)
        else:
            every = [(p, n) for p in d_near for n in d_far]
            kept = every if mining == "all" else [(p, n) for p, n in every if 0 < n - p <= margin]
            losses += [p - n + margin for p, n in kept]
    return mean([loss for loss in losses if loss > 0])


def n_pair(x: Rows, y: list[int], scale: float) -> float:
    firsts = []
    for c in sorted(set(y)):
        places = [i for i, label in enumerate(y) if label == c]
        if len(places) > 1:
            firsts.append((x[places[0]], x[places[1]]))
    losses = []
    for i, (anchor, _) in enumerate(firsts):
        logits = [scale * math.fsum(a * b for a, b in zip(anchor, positive)) for _, positive in firsts]
        losses.append(cross_entropy(logits, i))
    return mean(losses)


def multi_similarity(
    x: Rows, y: list[int], alpha: float, beta: float, base: float, epsilon: float | None
) -> float:
    losses = []
    for a in range(len(x)):
        near, far = ([cosine(x[a], x[j]) for j in group] for group in pairs_of(x, y, a))
        if epsilon is not None:
            hardest_near, hardest_far = min(near, default=math.inf), max(far, default=-math.inf)
            near, far = (
                [s for s in near if s - epsilon < hardest_far],
                [s for s in far if s + epsilon > hardest_near],
            )
        loss = log_sum([0.0, *(-alpha * (s - base) for s in near)]) / alpha if near else 0.0
        loss += log_sum([0.0, *(beta * (s - base) for s in far)]) / beta if far else 0.0
        losses.append(loss)
    return mean(losses)


def contrastive(x: Rows, y: list[int], pos_margin: float, neg_margin: float) -> float:
    near, far = [], []
    for a in range(len(x)):
        positives, negatives = pairs_of(x, y, a)
        near += [distance(x[a], x[p]) - pos_margin for p in positives]
        far += [neg_margin - distance(x[a], x[n]) for n in negatives]
    return mean([v for v in near if v > 0]) + mean([v for v in far if v > 0])
