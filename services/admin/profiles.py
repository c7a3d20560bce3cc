"""Profiles in the admin: operators write memory and times as people do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import OperatorAdmin, operates
from hubsite.console.quantities import size
from hubsite.console.typed_numbers import WholeNumberField
from jobs.stores.catalogue import load_catalogue
from jobs.stores.stores_file import StoresFileError

from ..human_units import parse_duration, parse_size, show_duration, show_size
from ..models import ServiceProfile
from ..models.profile import DAY_S, MINUTE_S

MOST_UNITS = 1_000_000
LONGEST_AGE_S = 3650 * DAY_S


class QuantityField(forms.CharField):
    """A whole number from `least` to `most` with its unit, read by `parse`, shown by `show`."""

    def __init__(
        self,
        *,
        parse: Callable[[str], int],
        show: Callable[[int], str],
        least: int,
        most: int,
        **options: Any,
    ) -> None:
        self.parse, self.show, self.least, self.most = parse, show, least, most
        super().__init__(**options)
        self.validators = []  # they are for texts

    def prepare_value(self, value: Any) -> Any:
        return self.show(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        text = super().to_python(value)
        if text in self.empty_values:
            return None
        try:
            number = self.parse(text)
        except ValueError as error:
            raise ValidationError(f"{error}.") from None
        if not self.least <= number <= self.most:
            raise ValidationError(f"Expected {self.show(self.least)} to {self.show(self.most)}.")
        return number

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return initial != self.to_python(data)
        except ValidationError:
            return True


class ProfileForm(forms.ModelForm):
    memory_bytes = QuantityField(
        parse=parse_size,
        show=show_size,
        least=128 << 20,
        most=1 << 42,
        initial=1 << 30,
        label=_("Memory"),
        help_text=_("Most memory that one service may use, such as 4 GB or 512 MB."),
    )
    idle_s = QuantityField(
        parse=parse_duration,
        show=show_duration,
        least=MINUTE_S,
        most=LONGEST_AGE_S,
        initial=30 * MINUTE_S,
        label=_("Idle limit"),
        help_text=_("A service that nobody has used for so long falls asleep, such as 30 min."),
    )
    age_s = QuantityField(
        parse=parse_duration,
        show=show_duration,
        least=MINUTE_S,
        most=LONGEST_AGE_S,
        initial=30 * DAY_S,
        label=_("Largest age"),
        help_text=_(
            "A service is stopped after so long, asleep or not, such as 30 d. Its owner may "
            "keep it longer, each time by at most as much."
        ),
    )
    stores = forms.MultipleChoiceField(
        label=_("Stores"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Stores that a service may show; none chosen: all that its owner reads."),
    )
    units_per_hour = WholeNumberField(
        label=_("Units per hour"),
        min_value=0,
        max_value=MOST_UNITS,
        initial=0,
        help_text=_(
            "Processing units for an hour awake, charged per started minute. Services that "
            "run keep the price that they were started at."
        ),
    )
    roles = forms.ModelMultipleChoiceField(
        label=_("Roles"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Roles that may use it; none chosen: everybody."),
    )

    image = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$",
        required=False,
        max_length=255,
        error_messages={"invalid": _("Expected the name of an image, such as host/name:tag.")},
        help_text=_(
            "In a cluster; empty: the image of the hub's runs, or for Cate XCUBE_HUB_CATE_IMAGE."
        ),
    )

    class Meta:
        model = ServiceProfile
        fields = "__all__"  # noqa: DJ007 - the fieldsets choose
        labels = {"cpus": _("Processor cores"), "is_enabled": _("Offered")}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "stores" in self.fields:  # none, if the page is only read
            self.fields["stores"].choices = choices = self._store_choices()
            if not choices:
                self.fields["stores"].help_text = _("The hub has no stores that can be read.")

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        idle_s, age_s = given.get("idle_s"), given.get("age_s")
        if idle_s and age_s and idle_s > age_s:
            self.add_error("idle_s", "Expected at most the largest age.")
        return given

    def _store_choices(self) -> list[tuple[str, str]]:
        """The hub's readable stores, and the names that the profile has but the hub has not."""
        try:
            stores = {store.name: store.title for store in load_catalogue() if store.readable}
        except StoresFileError:
            stores = {}
        choices = [
            (name, f"@{name}: {title}" if title else f"@{name}") for name, title in stores.items()
        ]
        kept = [name for name in self.instance.stores or () if name not in stores]
        return choices + [
            (name, _("@%(name)s (not in the stores file)") % {"name": name}) for name in kept
        ]


@admin.register(ServiceProfile)
class ServiceProfileAdmin(OperatorAdmin):
    """What users may start. A change counts for new services; limits and times also for others."""

    is_short = True
    form = ProfileForm
    list_display = [
        "title",
        "name",
        "kind",
        "cpus",
        "memory",
        "idle",
        "age",
        "units_per_hour",
        "is_enabled",
        "position",
    ]
    show_facets = admin.ShowFacets.NEVER
    list_filter = ["kind", "is_enabled"]
    search_fields = ["name", "title"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "title", "description", "is_enabled", "position"]}),
        (_("What it may use"), {"fields": ["cpus", "memory_bytes", "stores", "image"]}),
        (_("How long it lives"), {"fields": ["idle_s", "age_s"]}),
        (_("Who may use it, and for how much"), {"fields": ["roles", "units_per_hour"]}),
    ]

    @admin.display(ordering="memory_bytes")
    def memory(self, profile: ServiceProfile) -> str:
        return size(profile.memory_bytes)

    @admin.display(description=_("idle limit"), ordering="idle_s")
    def idle(self, profile: ServiceProfile) -> str:
        return show_duration(profile.idle_s)

    @admin.display(description=_("largest age"), ordering="age_s")
    def age(self, profile: ServiceProfile) -> str:
        return show_duration(profile.age_s)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return operates(request)

    def has_change_permission(
        self, request: HttpRequest, obj: ServiceProfile | None = None
    ) -> bool:
        return operates(request)

    def has_delete_permission(
        self, request: HttpRequest, obj: ServiceProfile | None = None
    ) -> bool:
        """One that was ever used stays, because its services name it: switch it off instead."""
        return operates(request) and (obj is None or not obj.instances.exists())

    def get_readonly_fields(
        self, request: HttpRequest, obj: ServiceProfile | None = None
    ) -> list[str]:
        return ["name", "kind"] if obj is not None else []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it would not ask for each of them
        return actions
