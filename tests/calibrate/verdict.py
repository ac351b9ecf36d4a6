"""Prediction against observation: one row for each figure, by the bars that were set beforehand.

A figure agrees when 80 to 100 % of the observations are inside the predicted 5..95 %, the medians are within 1 s or 10 %, and the
predicted range is no wider than twice the observed one. GIVE is what the means of observing may be off: a watch brings a change
some milliseconds late, on a busy machine more. Shares and words agree when what was seen is no rarer than one in a hundred.
"""

import math

GIVE = 0.25
RARE = 0.01
# Fewer observations have no range to speak of.
FEW = 5
SURE = 0.02


def percentile(values, share):
    """With linear interpolation between the two nearest, as most tools do."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * share
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def tail(n, k, p):
    """How likely is a count as far from what is expected of n throws as k, or farther, on k's side."""
    p = min(max(p, 0.0), 1.0)
    chance = lambda i: math.comb(n, i) * p**i * (1 - p) ** (n - i)
    return sum(map(chance, range(0, k + 1) if k <= n * p else range(k, n + 1)))


def predictions(told, container):
    """The forecast's JSON as figures: name -> {"share", "p5", "p50", "p95"}, with "words" where there is something to call it."""
    found = {}
    for event in told.get("events", []):
        if event["what"] != "created":
            found[f"{event['what']} ({event['by']})" if "by" in event else event["what"]] = event
    for restart in told.get("restarts", []):
        n = restart["n"]
        if restart.get("container", container) != container:
            continue
        for part in ("at", "life", "pause"):
            found[f"restart {n}: {part}"] = {"share": restart["share"], **restart[part]}
        found[f"restart {n}: at"]["word"] = f"{restart['exit']} {restart['reason']}, by {restart['by']}"
    for status in told.get("status", []):
        found[f"status at {status['at']:g}"] = {"words": {key: value for key, value in status.items() if key != "at"}}
    for part in ("deletion", "rollout"):
        for key, value in (told.get(part) or {}).items():
            if isinstance(value, dict) and "p50" in value:
                found[f"{part}: {key.replace('_', ' ')}"] = value
    if "exit" in told.get("deletion", {}):
        found["deletion: ended"]["word"] = f"{told['deletion']['exit']} {told['deletion']['reason']}"
    return found


def judge(predicted, observed, samples):
    """The bars that are missed, and the row. samples(): what the forecast says of as few pods, for many seeds; a bar that it would
    miss itself with so few, more often than once in a hundred times, is missed by chance: it has a `?`."""
    values = [value for value, _ in observed["values"]]
    n = len(values)
    low, middle, high = (percentile(values, share) for share in (0.05, 0.5, 0.95))
    give = max([GIVE, *(give + GIVE / 2 for _, give in observed["values"] if give)])
    inside = sum(predicted["p5"] - max(GIVE, g) <= value <= predicted["p95"] + max(GIVE, g) for value, g in observed["values"])
    wide = predicted["p95"] - predicted["p5"]
    is_wide = lambda seen: wide > 2 * seen and wide > seen + 2 * give
    is_off = lambda seen: abs(seen - predicted["p50"]) > max(1.0, 0.1 * max(seen, predicted["p50"]))
    faults = []
    if inside < 0.8 * n:
        faults.append("inside" + ("?" if tail(n, inside, 0.9) > RARE else ""))
    if is_off(middle):
        # As far off, on the same side.
        far = [each for each in samples() if (each["p50"] <= middle if middle < predicted["p50"] else each["p50"] >= middle)]
        faults.append("median" + ("?" if len(far) > RARE * len(samples()) else ""))
    if is_wide(high - low):
        narrow = [each for each in samples() if is_wide(each["p95"] - each["p5"])]
        faults.append("wide" + ("?" if n < FEW or len(narrow) > RARE * len(samples()) else ""))
    seen = high - low
    return faults, {
        "n": n, "predicted": (predicted["p5"], predicted["p50"], predicted["p95"]), "observed": (low, middle, high),
        "inside": inside / n, "widths": wide / seen if seen > 0.01 else None,
    }


def judge_share(predicted, count, of):
    """Of so many pods so many had it. Nothing is as sure as never or always."""
    return [] if tail(of, count, min(max(predicted, SURE), 1 - SURE)) > RARE / 2 else ["share"]
