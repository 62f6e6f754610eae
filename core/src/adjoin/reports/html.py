"""A report as a mail: HTML that mail programs show without pictures and style sheets, and the same as text."""

from __future__ import annotations

from html import escape

from adjoin.alerts.messages import harmless
from adjoin.reports.content import Cell, Content, Row

__all__ = ["as_html", "as_text"]

_INK, _PALE, _LINE, _BAR, _LATE = "#101828", "#475467", "#EAECF0", "#3B5BDB", "#A5B4F0"
_TONES = {"good": "#067647", "bad": "#B42318", "": _PALE}
_TYPE = f"font-family:Segoe UI,Helvetica,Arial,sans-serif;color:{_INK};"
_TABLE = 'role="presentation" cellpadding="0" cellspacing="0" border="0"'
_HEIGHT = 90  # pixels of the highest column
_NOT_SHOWN = "–"


def as_html(content: Content, *, link: str, why: str) -> str:
    """Return the HTML. `link` is where the report is changed, `why` says who is sent it and when."""
    parts = [
        f'<p style="margin:0 0 4px 0;font-size:20px;line-height:28px;"><b>{_name(content.name)}</b></p>',
        _under(content),
    ]
    parts += [_problem(one) for one in content.problems]
    if content.empty:
        parts.append(_paragraph(content.empty))
    else:
        parts += [_tiles(content), _chart(content), _rows(content)]
    parts += [_small(one) for one in content.notes]
    said = f"Figures as of {content.made}. {why}"
    parts.append(
        f'<p style="margin:20px 0 0 0;font-size:14px;line-height:20px;"><a href="{escape(link)}" '
        f'style="color:#175CD3;">Open in Adjoin</a></p>{_small(said)}'
    )
    return (
        f'<table {_TABLE} width="100%"><tr><td align="center" style="padding:12px;">'
        f'<table {_TABLE} width="680" style="width:100%;max-width:680px;"><tr>'
        f'<td align="left" style="{_TYPE}font-size:15px;line-height:22px;">{"".join(parts)}</td>'
        "</tr></table></td></tr></table>"
    )


def as_text(content: Content, *, link: str, why: str) -> str:
    """Return the same as text, for programs that show no HTML."""
    lines = [harmless(content.name), f"{content.days}{_after(content)} · {content.workspace}"]
    lines += [f"Only where {content.part}", ""] if content.part else [""]
    lines += [f"! {one}" for one in content.problems] + ([""] if content.problems else [])
    if content.empty:
        lines += [content.empty, ""]
    else:
        lines += [f"{name}: {_told(one)}" for name, one in zip(content.head, content.tiles, strict=True)] + [""]
    for row in content.rows:
        about = f" ({row.about})" if row.about else ""
        figures = "; ".join(f"{name} {_told(cell)}" for name, cell in zip(content.head, row.cells, strict=True))
        lines.append(f"- {row.name}{about}: {figures}")
    lines += ([content.more] if content.more else []) + ([""] if content.rows else [])
    lines += [*content.notes, *([""] if content.notes else [])]
    written = [harmless(one) for one in lines]
    return "\n".join([*written, link, "", harmless(f"Figures as of {content.made}. {why}")]) + "\n"


def _under(content: Content) -> str:
    """Write what stands under the name: days, the workspace, and which part of the figures it is."""
    part = f"<br>Only where {_text(content.part)}" if content.part else ""
    return (
        f'<p style="margin:0 0 16px 0;font-size:14px;line-height:20px;color:{_PALE};">'
        f"{_text(content.days)}{_text(_after(content))} · {_name(content.workspace)}{part}</p>"
    )


def _after(content: Content) -> str:
    return f", {content.compared}" if content.compared else ""


def _told(cell: Cell) -> str:
    return f"{cell.value} ({cell.change})" if cell.change else cell.value


def _text(text: str) -> str:
    return escape(harmless(text))


def _name(text: str) -> str:
    """Write what somebody has named: its direction of writing is its own."""
    return f'<span dir="auto" style="unicode-bidi:isolate;">{_text(text)}</span>'


def _paragraph(text: str) -> str:
    return f'<p style="margin:0 0 12px 0;">{_text(text)}</p>'


def _small(text: str) -> str:
    return f'<p style="margin:8px 0 0 0;font-size:13px;line-height:18px;color:{_PALE};">{_text(text)}</p>'


def _problem(text: str) -> str:
    return (
        f'<table {_TABLE} width="100%" style="margin:0 0 8px 0;"><tr><td bgcolor="#FFFAEB" style="padding:10px 12px;'
        f'border-left:4px solid #B54708;font-size:14px;line-height:20px;color:#7A2E0E;">{_text(text)}</td></tr></table>'
    )


def _tiles(content: Content) -> str:
    beside = 3 if len(content.head) in (3, 5, 6) else 4
    cells = [
        f'<td width="{100 // beside}%" valign="top" style="padding:8px 8px 8px 0;border-top:1px solid {_LINE};">'
        f'<div style="font-size:13px;line-height:18px;color:{_PALE};">{_text(name)}</div>'
        f'<div style="font-size:20px;line-height:28px;white-space:nowrap;"><b>{_text(one.value)}</b></div>'
        f'<div style="font-size:13px;line-height:18px;color:{_TONES[one.tone]};">'
        f"{_text(one.change) if content.compared else ''}{'' if one.change or not content.compared else _NOT_SHOWN}"
        "</div></td>"
        for name, one in zip(content.head, content.tiles, strict=True)
    ]
    lines = [cells[start : start + beside] for start in range(0, len(cells), beside)]
    filled = [line + ["<td></td>"] * (beside - len(line)) for line in lines]
    rows = "".join(f"<tr>{''.join(line)}</tr>" for line in filled)
    return f'<table {_TABLE} width="100%" style="margin:8px 0 16px 0;">{rows}</table>'


def _chart(content: Content) -> str:
    """Draw columns of table cells, which every program shows, also without pictures."""
    if not content.bars:
        return ""
    columns = "".join(
        f'<td valign="bottom" align="center" height="{_HEIGHT}" style="height:{_HEIGHT}px;padding:0 1px;" '
        f'title="{escape(f"{bar.label}: {bar.value}")}">{_column(bar.share, changing=bar.changing)}</td>'
        for bar in content.bars
    )
    ends = f'<td align="left">{_text(content.bars[0].label)}</td><td align="right">{_text(content.bars[-1].label)}</td>'
    late = " Pale: may still change." if any(bar.changing for bar in content.bars) else ""
    gaps = f" {_NOT_SHOWN}: no figure." if any(bar.share is None for bar in content.bars) else ""
    return (
        f'<p style="margin:0 0 6px 0;font-size:14px;"><b>{_text(content.chart)}</b> '
        f'<span style="color:{_PALE};">highest {_text(content.highest)}.{late}{gaps}</span></p>'
        f'<table {_TABLE} width="100%" style="table-layout:fixed;border-bottom:1px solid {_PALE};"><tr>{columns}</tr>'
        f'</table><table {_TABLE} width="100%" style="margin:0 0 16px 0;font-size:12px;line-height:18px;'
        f'color:{_PALE};"><tr>{ends}</tr></table>'
    )


def _column(share: float | None, *, changing: bool) -> str:
    if share is None:
        return f'<span style="font-size:11px;color:{_PALE};">{_NOT_SHOWN}</span>'
    height = max(round(share * _HEIGHT), 1)
    colour = _LATE if changing else _BAR
    return (
        f'<table {_TABLE} width="100%"><tr><td height="{height}" bgcolor="{colour}" style="height:{height}px;'
        'font-size:0;line-height:0;">&nbsp;</td></tr></table>'
    )


def _rows(content: Content) -> str:
    if not content.rows:
        return ""
    cell = f"padding:6px 0 6px 10px;border-top:1px solid {_LINE};"
    head = "".join(
        f'<th scope="col" align="right" valign="bottom" style="padding:0 0 6px 10px;font-weight:600;">{_text(one)}</th>'
        for one in content.head
    )
    body = "".join(
        f'<tr><td valign="top" style="padding:6px 0;border-top:1px solid {_LINE};">{_row_name(row)}</td>'
        + "".join(
            f'<td align="right" valign="top" style="{cell}white-space:nowrap;">{_text(one.value)}'
            + (
                f'<br><span style="font-size:12px;color:{_TONES[one.tone]};">{_text(one.change)}</span>'
                * bool(one.change)
            )
            + "</td>"
            for one in row.cells
        )
        + "</tr>"
        for row in content.rows
    )
    more = _small(content.more) if content.more else ""
    return (
        '<table cellpadding="0" cellspacing="0" border="0" width="100%" style="font-size:13px;line-height:18px;">'
        f'<tr><th scope="col" align="left" valign="bottom" style="padding:0 0 6px 0;font-weight:600;">'
        f"{_text(content.lead)}</th>{head}</tr>{body}</table>{more}"
    )


def _row_name(row: Row) -> str:
    about = f'<br><span style="font-size:12px;color:{_PALE};">{_text(row.about)}</span>' if row.about else ""
    bar = ""
    if row.share is not None:
        width = max(round(row.share * 100), 1)
        rest = f'<td width="{100 - width}%"></td>' if width < 100 else ""
        bar = (
            f'<table {_TABLE} width="100%" style="margin:3px 0 0 0;"><tr><td width="{width}%" height="4" '
            f'bgcolor="{_BAR}" style="height:4px;font-size:0;line-height:0;">&nbsp;</td>{rest}</tr></table>'
        )
    return f"{_name(row.name)}{about}{bar}"
