"""What a naming convention makes of the names that there are, before it is stored."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from adjoin.analytics import v1
from adjoin_analytics.asking.objects import Objects
from adjoin_analytics.custom.fields import check_object
from adjoin_analytics.custom.patterns import field_values, read_pattern

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["try_field"]


def try_field(
    context: v1.AnalyticsContext, convention: v1.CustomField, objects: Objects, *, most: int
) -> v1.FieldTrial:
    """Read the names of all objects of a kind. Raises BadInput for the pattern and the object."""
    import pyarrow.compute as pc

    check_object(convention.of)
    pattern = read_pattern(convention.pattern.strip())
    table = objects.of(context, convention.of, context.facts.listing().version)
    names: pa.Array[pa.StringScalar] = pc.drop_null(table.column("name").combine_chunks())
    texts: list[str] = [str(one) for one in names.to_pylist()]
    fits = [bool(one) for one in pc.is_valid(pc.extract_regex(names, pattern=pattern.regex)).to_pylist()]
    raw = {name: field_values(pattern, name, names, {}).to_pylist() for name in pattern.fields}
    shown = {
        name: field_values(pattern, name, names, convention.values.get(name, {})).to_pylist() for name in pattern.fields
    }
    examples: list[v1.ReadName] = []
    seen: set[str] = set()
    for at, text in enumerate(texts):
        if len(examples) >= most:
            break
        if fits[at] and text not in seen:
            seen.add(text)
            values = {name: value for name in pattern.fields if (value := shown[name][at]) is not None}
            examples.append(v1.ReadName(name=text, values=values))
    others = dict.fromkeys(text for text, fit in zip(texts, fits, strict=True) if not fit)
    found = []
    for name in pattern.fields:
        pairs = zip(raw[name], shown[name], strict=True)
        counted = Counter((str(text), str(value)) for text, value in pairs if text is not None)
        ranked = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
        found += [
            v1.FoundValue(field=name, text=text, value=value, names=count) for (text, value), count in ranked[:most]
        ]
    return v1.FieldTrial(
        names=len(texts),
        matched=sum(fits),
        examples=tuple(examples),
        unmatched=tuple(list(others)[:most]),
        found=tuple(found),
    )
