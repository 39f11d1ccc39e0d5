"""The drawing of the conversation, from what the screens declare: Mermaid or SVG text."""

from __future__ import annotations

from ussd_app.engine.screen import Screens


def edges(screens: Screens) -> list[tuple[str, str]]:
    """Every declared step from one screen or action to another, in a stable order."""
    return sorted((step.name, to) for step in screens.steps.values() for to in step.goes)


def mermaid(screens: Screens) -> str:
    """A Mermaid flowchart: screens as boxes, actions as rounded ones, one frame for each flow."""
    lines = ["flowchart LR"]
    flows: dict[str, list[str]] = {}
    for name in sorted(screens.steps):
        flows.setdefault(name.split(".")[0], []).append(name)
    for flow, names in flows.items():
        lines.append(f"  subgraph {flow}_flow [{flow}]")
        for name in names:
            box = f"([{name}])" if screens[name].is_action else f"[{name}]"
            lines.append(f"    {_id(name)}{box}")
        lines.append("  end")
    lines += [f"  {_id(start)} --> {_id(to)}" for start, to in edges(screens)]
    return "\n".join(lines) + "\n"


def svg(screens: Screens) -> str:
    """A picture that needs no tool: flows as columns, their screens as boxes, the steps between flows as curves."""
    flows: dict[str, list[str]] = {}
    for name in sorted(screens.steps):
        flows.setdefault(name.split(".")[0], []).append(name)
    width, height, gap = 190, 26, 10
    place = {
        name: (20 + column * (width + 60), 60 + row * (height + gap))
        for column, names in enumerate(flows.values())
        for row, name in enumerate(names)
    }
    right = max(x for x, _ in place.values()) + width + 20
    bottom = max(y for _, y in place.values()) + height + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {bottom}" font-family="sans-serif" font-size="12">',
        f'<rect width="{right}" height="{bottom}" fill="#fff"/>',
    ]
    for start, to in edges(screens):
        (x1, y1), (x2, y2) = place[start], place[to]
        left, middle1, middle2 = x1 + width, y1 + height // 2, y2 + height // 2
        parts.append(
            f'<path d="M{left} {middle1} C{left + 40} {middle1} {x2 - 40} {middle2} {x2} {middle2}" '
            'fill="none" stroke="#8a9" stroke-width="1"/>'
        )
    for column, flow in enumerate(flows):
        parts.append(f'<text x="{20 + column * (width + 60)}" y="40" font-weight="bold">{flow}</text>')
    for name, (x, y) in place.items():
        radius = 13 if screens[name].is_action else 3
        fill = "#eef6ee" if screens[name].is_action else "#fdf6e3"
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="{fill}" stroke="#465"/>'
        )
        parts.append(f'<text x="{x + 8}" y="{y + 17}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _id(name: str) -> str:
    return name.replace(".", "_")
