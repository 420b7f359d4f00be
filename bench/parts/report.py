"""What was measured, as a table for people and as JSON."""

import json
import os
import statistics

from shared.client import say


VERDICTS = {True: "ok", False: "MISSED", None: "–"}


class Report:
    def __init__(self):
        self.facts = {}
        self.rows = []

    def describe(self, facts):
        self.facts = {**facts, "cores": os.cpu_count()}

    def ratio_at_most(self, what, unit, ours, limit, ratio, plus=0.0):
        """Ours may take `ratio` times the limit plus a fixed allowance; medians of the samples are compared."""
        target = f"≤ {ratio:g}×" + (f" + {plus:g} {unit}" if plus else "")
        middle, bound = statistics.median(ours), statistics.median(limit)
        self._add(what, unit, ours, limit, target, middle <= ratio * bound + plus)

    def ratio_at_least(self, what, unit, ours, limit, ratio):
        """Ours must reach `ratio` times the limit, round by round: what the machine does slower for a minute, it does slower for both."""
        reached = statistics.median(one / other for one, other in zip(ours, limit, strict=True))
        self._add(what, unit, ours, limit, f"≥ {ratio:g}×", reached >= ratio, reached)

    def ratio(self, what, unit, ours, limit):
        """What is worth knowing, and has no target."""
        self._add(what, unit, ours, limit, "–", None)

    def at_most(self, what, unit, ours, limit, target):
        """One figure with a fixed bound."""
        self._add(what, unit, [ours], [limit], target, ours <= limit)

    def skip(self, what, reason):
        say(f"skipped: {what}: {reason}")
        self.rows.append({"what": what, "skipped": reason})

    def passed(self):
        return all(row.get("ok") is not False for row in self.rows)

    def _add(self, what, unit, ours, limit, target, ok, ratio=None):
        row = {"what": what, "unit": unit, "target": target, "ok": ok}
        for name, samples in (("ours", ours), ("limit", limit)):
            row[name] = {"median": statistics.median(samples), "min": min(samples), "max": max(samples), "samples": samples}
        bound = row["limit"]["median"]
        row["ratio"] = row["ours"]["median"] / bound if ratio is None and bound else ratio
        self.rows.append(row)
        reached = "" if ratio is None else f", {ratio:.2f}×"
        say(f"{what}: {number(row['ours']['median'])} {unit}, limit {number(bound)} {unit}{reached}: {VERDICTS[ok]}")

    def print(self):
        facts = "  ".join(f"{name}: {value}" for name, value in self.facts.items())
        table = [("what", "ours", "limit", "ratio", "target", "ok?", "ours min–max", "limit min–max")]
        for row in self.rows:
            if "skipped" in row:
                table.append((row["what"], "–", "–", "–", "–", "skipped: " + row["skipped"], "", ""))
                continue
            ours, limit, unit = row["ours"], row["limit"], row["unit"]
            ratio = "–" if row["ratio"] is None else f"{row['ratio']:.2f}×"
            spans = [f"{number(side['min'])}–{number(side['max'])}" if len(side["samples"]) > 1 else "" for side in (ours, limit)]
            table.append((row["what"], f"{number(ours['median'])} {unit}", f"{number(limit['median'])} {unit}", ratio,
                          row["target"], VERDICTS[row["ok"]], *spans))
        widths = [max(len(line[column]) for line in table if not (column == 5 and line[5].startswith("skipped"))) for column in range(8)]
        print(f"\n{facts}\nmedians, also of the rounds' ratios; ours and limit measured in turns in this run\n")
        for line in table:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
        print(flush=True)

    def write(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"facts": self.facts, "rows": self.rows}, file, indent=2, ensure_ascii=False)
            file.write("\n")
        say(f"every sample is in {os.path.relpath(path)}")


def number(value):
    if isinstance(value, int) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 or value == 0 else f"{value:.3f}"
