#!/usr/bin/env python3
"""Shows a dashboard without Grafana: asks a Prometheus every panel's queries and writes one HTML page of charts.

    ops/grafana/preview.py --prometheus http://127.0.0.1:9099 --minutes 10 --out /tmp/dashboard.html

For reviewing a change of the dashboard where Grafana is not to be had. Ends with 1 when a query fails, and names the
panels whose queries find nothing.
"""
import argparse
import html
import json
import math
import pathlib
import sys
import time
import urllib.parse
import urllib.request

COLOURS = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#fade2a", "#c0d8ff", "#ffa6b0"]


def ask(base, path, **params):
    url = f"{base}/api/v1/{path}?{urllib.parse.urlencode(params)}"
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]["result"], None
    except urllib.error.HTTPError as error:
        return [], json.load(error).get("error", str(error))


def figure(value, unit):
    if value is None or math.isnan(value):
        return "–"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
    if unit == "bytes":
        for name in ("B", "KiB", "MiB", "GiB", "TiB"):
            if abs(value) < 1024 or name == "TiB":
                return f"{value:.3g} {name}"
            value /= 1024
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "none" or abs(value) < 1000:
        return f"{value:.4g}" if value != int(value) else str(int(value))
    return f"{value / 1000:.3g} K" if value < 1e6 else f"{value / 1e6:.3g} M"


def name(target, labels):
    text = target["legendFormat"]
    for key, value in labels.items():
        text = text.replace("{{" + key + "}}", value)
    return text


def chart(series, unit, width, height, start, end, stacked):
    left, bottom = 62, 4
    values = {}
    base = {}
    for label, points in series:
        line = []
        for at, value in points:
            if stacked:
                value += base.get(at, 0)
                base[at] = value
            line.append((at, value))
        values[label] = line
    numbers = [v for line in values.values() for _, v in line if not math.isnan(v)]
    if not numbers:
        return '<text x="50%" y="50%" fill="#888" text-anchor="middle">no data</text>'
    low, high = min(0, min(numbers)), max(numbers)
    if unit == "none" and min(numbers) > 0.5 * high and not stacked and high > 50:
        low = min(numbers)
    high = high if high > low else low + 1
    x = lambda at: left + (at - start) / (end - start) * (width - left - 6)
    y = lambda value: height - bottom - (value - low) / (high - low) * (height - bottom - 10)
    out = []
    for step in range(4):
        value = low + (high - low) * step / 3
        out.append(f'<line x1="{left}" x2="{width - 6}" y1="{y(value):.0f}" y2="{y(value):.0f}" stroke="#333"/>')
        out.append(f'<text x="{left - 6}" y="{y(value) + 4:.0f}" fill="#999" text-anchor="end">{figure(value, unit)}</text>')
    for i, line in enumerate(values.values()):
        path = " ".join(f"{x(at):.1f},{y(v):.1f}" for at, v in line if not math.isnan(v))
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="1.5"/>')
    return "".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = pathlib.Path(__file__).parent
    parser.add_argument("--dashboard", default=here / "dashboards/defchain.json", type=pathlib.Path)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9099")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    board = json.loads(args.dashboard.read_text())
    end = time.time()
    start = end - args.minutes * 60
    step = max(5, int(args.minutes * 60 / 120))
    cells, empty, failed = [], [], []
    unit_height, column = 34, 62
    for panel in board["panels"]:
        place = panel["gridPos"]
        style = (f'left:{place["x"] * column}px;top:{place["y"] * unit_height}px;'
                 f'width:{place["w"] * column - 8}px;height:{place["h"] * unit_height - 8}px')
        if panel["type"] == "row":
            cells.append(f'<h2 style="{style}">{html.escape(panel["title"])}</h2>')
            continue
        unit = panel["fieldConfig"]["defaults"].get("unit", "short")
        series = []
        for target in panel["targets"]:
            query = target["expr"].replace('node=~"$node"', 'node=~".*"').replace("$__rate_interval", "30s")
            found, error = ask(args.prometheus, "query_range", query=query, start=start, end=end, step=step)
            if error:
                failed.append(f'{panel["title"]}: {error}')
            for one in found:
                series.append((name(target, one["metric"]), [(float(at), float(v)) for at, v in one["values"]]))
        if not series:
            empty.append(panel["title"])
        title = f'<h3>{html.escape(panel["title"])}</h3>'
        if panel["type"] == "stat":
            last = series[0][1][-1][1] if series else None
            body = f'<div class="stat">{figure(last, unit)}</div>'
        else:
            width, height = place["w"] * column - 24, place["h"] * unit_height - 62
            stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
            legend = "".join(f'<span style="color:{COLOURS[i % len(COLOURS)]}">■</span> {html.escape(label)} &nbsp;'
                             for i, (label, _) in enumerate(series))
            body = (f'<svg width="{width}" height="{height}">{chart(series, unit, width, height, start, end, stacked)}'
                    f'</svg><div class="legend">{legend}</div>')
        cells.append(f'<div class="panel" style="{style}">{title}{body}</div>')
    bottom = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"]) * unit_height
    args.out.write_text(f"""<!doctype html><meta charset="utf-8"><title>{html.escape(board["title"])}</title><style>
body{{background:#111217;color:#ccc;font:12px sans-serif;margin:8px;position:relative;height:{bottom}px}}
.panel,h2{{position:absolute;margin:0;overflow:hidden}} .panel{{background:#181b1f;border:1px solid #2c2f36;padding:2px 6px;box-sizing:border-box}}
h2{{font-size:15px;line-height:28px}} h3{{font-size:12px;margin:3px 0}} .stat{{font-size:34px;color:#73bf69;text-align:center;line-height:76px}}
.legend{{max-height:32px;overflow:hidden;line-height:15px}} text{{font-size:10px}}</style>{"".join(cells)}""")
    for title in empty:
        print(f"no data: {title}")
    for text in failed:
        print(f"failed: {text}", file=sys.stderr)
    print(f"wrote {args.out}: {len(board['panels'])} panels, {len(empty)} without data")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
