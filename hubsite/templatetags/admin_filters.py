"""The filters of a list of the admin, as choices and as chips of what is chosen."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def filters_of(changes: Any) -> list[dict[str, Any]]:
    """Each filter of the change list: its title, its choices, and the chosen one if it is not
    the first, which is "all"."""
    found = []
    for spec in changes.filter_specs:
        choices = [{**choice, "text": choice["display"]} for choice in spec.choices(changes)]
        chosen = next((it for it in choices[1:] if it["selected"]), None)
        without = choices[0]["query_string"] if choices else "?"
        found.append(
            {"title": spec.title, "choices": choices, "chosen": chosen, "without": without}
        )
    return found
