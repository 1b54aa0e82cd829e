"""A diagram of a boot: one bar per stage, from power-on to the last answer."""

import re
from xml.sax.saxutils import escape

LEFT, RIGHT, TOP, ROW, WIDTH = 150, 90, 46, 26, 900

COLOURS = {"firmware": "#8c8c8c", "loader": "#b08a3e", "xen": "#7a4fa3",
           "kernel": "#2f6db5", "host": "#2e8b57", "domain": "#c0504d"}


def parse_boot_log(text):
    """The host's boot log: [(seconds since the kernel started, event)]."""
    events = []
    for line in text.splitlines():
        up, _, event = line.partition(" ")
        if re.fullmatch(r"\d+(\.\d+)?", up):
            events.append((float(up), event))
    return events


def step(total):
    """Seconds between two ticks of the axis, for about ten ticks."""
    for seconds in (1, 2, 5, 10, 20, 30, 60):
        if total / seconds <= 12:
            return seconds
    return 120


def draw(rows, title):
    """SVG of ROWS: (label, kind, start, end) in seconds, from top to bottom.

    A stage without length is drawn as a diamond.
    """
    total = max(end for _, _, _, end in rows)
    scale = (WIDTH - LEFT - RIGHT) / total
    height = TOP + ROW * len(rows) + 34

    def x(seconds):
        return LEFT + seconds * scale

    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="12">' % (WIDTH, height),
           '<rect width="100%" height="100%" fill="#ffffff"/>',
           '<text x="%d" y="22" font-size="15">%s</text>' % (12, escape(title))]
    for second in range(0, int(total) + 1, step(total)):
        out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>'
                   % (x(second), TOP - 8, x(second), height - 26))
        out.append('<text x="%.1f" y="%d" text-anchor="middle" fill="#555555">%d s</text>'
                   % (x(second), height - 10, second))
    for number, (label, kind, start, end) in enumerate(rows):
        y = TOP + ROW * number
        middle = y + ROW / 2
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>'
                   % (LEFT - 8, middle + 4, escape(label)))
        if end > start:
            out.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>'
                       % (x(start), y + 4, (end - start) * scale, ROW - 8, COLOURS[kind]))
            said = "%.1f s" % (end - start)
        else:
            out.append('<path d="M%.1f %.1f l6 6 l-6 6 l-6 -6 z" fill="%s"/>'
                       % (x(end), middle - 6, COLOURS[kind]))
            said = "at %.1f s" % end
        out.append('<text x="%.1f" y="%.1f" fill="#555555">%s</text>'
                   % (x(end) + 8, middle + 4, said))
    out.append("</svg>")
    return "\n".join(out) + "\n"
