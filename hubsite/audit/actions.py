"""What people can do, as the closed list of the audit's actions: `subject.verb`.

A room adds its own here. The words are shown in the list of the audit and in its filter.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, str | Promise] = {
    "object.added": _("Added in the admin"),
    "object.changed": _("Changed in the admin"),
    "object.deleted": _("Deleted in the admin"),
    "user.made": _("Account made by a first sign-on"),
    "user.linked": _("First sign-on to an account that was there"),
    "user.roles_followed": _("Rights changed by the provider"),
    "user.signed_in": _("An operator signed in"),
    "user.refused": _("Sign-in with a wrong password"),
    "user.acted_for": _("Acted in a user's name"),
    "user.switched_off": _("Account switched off"),
    "user.switched_on": _("Account switched on"),
    "user.deletion_asked": _("Asked to be deleted"),
    "user.data_downloaded": _("Own data downloaded"),
    "user.deleted": _("Person deleted"),
    "token.made": _("Token made"),
    "token.revoked": _("Token revoked"),
    "client.made": _("Client made"),
    "client.revoked": _("Client revoked"),
    "client.secret_replaced": _("Client's secret replaced"),
    "key.rotated": _("Signing key rotated"),
    "units.granted": _("Units granted"),
    "units.overridden": _("Total of units set"),
    "units.corrected": _("Units corrected"),
    "units.refunded": _("Units of a job given back"),
    "subscription.started": _("Subscription started"),
    "subscription.changed": _("Subscription changed"),
    "subscription.ended": _("Subscription ended"),
    "subscription.resumed": _("Subscription resumed"),
    "share.made": _("Shared"),
    "share.changed": _("Share changed"),
    "share.withdrawn": _("Share withdrawn"),
    "job.submitted": _("Job submitted"),
    "job.cancelled": _("Job cancelled"),
    "job.ended": _("Job ended by an operator"),
    "job.hidden": _("Job removed from its owner's list"),
    "job.run_again": _("Failed job to run again"),
    "job.dealt_with": _("Failed job dealt with"),
    "job.reopened": _("Failed job not dealt with after all"),
    "job.prioritised": _("Priority of a job changed"),
    "job.moved": _("Job moved to another engine"),
    "instance.requested": _("Service started"),
    "instance.changed": _("Service changed"),
    "instance.woken": _("Service woken"),
    "instance.asleep": _("Service put to sleep"),
    "instance.stopped": _("Service stopped"),
    "layer.requested": _("Layer to be published"),
    "layer.removed": _("Layer to be removed"),
    "layer.repaired": _("Layer to be repaired"),
    "layer.adopted": _("Layer adopted"),
    "service.suspended": _("Service suspended"),
    "service.resumed": _("Service resumed"),
    "engine.drained": _("Engine drained"),
    "engine.resumed": _("Engine resumed"),
    "store.probed": _("Store asked anew"),
    "audit.exported": _("Audit exported"),
}
"""Action to its words."""
