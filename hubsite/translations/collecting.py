"""The sentences of the code that pages translate when they show them.

Refusals, notices, events and what parts say of their health are English, because programs, mails
and logs get them. A page shows them in its reader's language
(`hubsite/translations/sentences.py`). For that, `make translations` lists here what the modules of
`READ_ON_PAGES` may say: each text of several words, and each f-string, whose values become
`{0}`, `{1}` and so on.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

READ_ON_PAGES = (
    "accounts/notices/choices.py",
    "accounts/notices/mailing.py",
    "accounts/notices/webhooks/sending.py",
    "accounts/notices/webhooks/targets.py",
    "accounts/pages/*.py",
    "accounts/roles.py",
    "accounts/scopes.py",
    "accounts/sharing/*.py",
    "accounts/sign_on/backend.py",
    "accounts/sign_on/documents.py",
    "accounts/sign_on/http.py",
    "accounts/sign_on/jwts.py",
    "accounts/sign_on/linking.py",
    "accounts/sign_on/password.py",
    "accounts/sign_on/provider_pages.py",
    "accounts/subscriptions/plans.py",
    "accounts/subscriptions/subscribing.py",
    "accounts/tokens/client_tokens.py",
    "accounts/tokens/device_flow.py",
    "accounts/tokens/personal.py",
    "accounts/units/ledger.py",
    "accounts/units/notices.py",
    "hubsite/audit/searching.py",
    "hubsite/console/filter_actions.py",
    "hubsite/console/manual.py",
    "hubsite/coordination/delivery_targets.py",
    "hubsite/coordination/idempotency.py",
    "hubsite/engines/outcomes.py",
    "hubsite/engines/draining.py",
    "hubsite/engines/kubernetes/cluster.py",
    "hubsite/engines/kubernetes/failures.py",
    "hubsite/engines/kubernetes/run_facts.py",
    "hubsite/engines/local/runner_calls.py",
    "hubsite/health/database_faults.py",
    "hubsite/health/parts.py",
    "hubsite/health/site.py",
    "hubsite/http_client.py",
    "hubsite/reach.py",
    "hubsite/start/newer_database.py",
    "hubsite/switches.py",
    "hubsite/visible_text.py",
    "hubsite/web/downloads.py",
    "hubsite/web/waiting.py",
    "jobs/discovery/asking.py",
    "jobs/discovery/describing.py",
    "jobs/discovery/listing.py",
    "jobs/discovery/slots.py",
    "jobs/discovery/stores.py",
    "jobs/estimates/asking.py",
    "jobs/health.py",
    "jobs/lifecycle.py",
    "jobs/operators/*.py",
    "jobs/notices.py",
    "jobs/pages/**/*.py",
    "jobs/queue/launching.py",
    "jobs/queue/ordering.py",
    "jobs/queue/suspending.py",
    "jobs/request/*.py",
    "jobs/results/cube.py",
    "jobs/results/downloading.py",
    "jobs/results/rights.py",
    "jobs/results/snippets.py",
    "jobs/results/successors.py",
    "jobs/results/zipping.py",
    "jobs/runner/record/failures.py",
    "jobs/runner/record/limits.py",
    "jobs/runner/record/outcome.py",
    "jobs/runner/run/bundle.py",
    "jobs/runner/run/looking.py",
    "jobs/runner/work/area.py",
    "jobs/runner/work/containment.py",
    "jobs/runner/work/discovery.py",
    "jobs/runner/work/estimate.py",
    "jobs/runner/work/made.py",
    "jobs/runner/work/pieces.py",
    "jobs/runner/work/plan.py",
    "jobs/runner/work/probe.py",
    "jobs/runner/work/quicklooks/*.py",
    "jobs/runner/work/refusals.py",
    "jobs/runner/work/requestcheck.py",
    "jobs/runner/work/writing.py",
    "jobs/running/book.py",
    "jobs/submission/admission.py",
    "jobs/submission/output_claims.py",
    "jobs/submission/pricing.py",
    "jobs/submission/repeating.py",
    "services/access/decisions.py",
    "services/cate/*.py",
    "services/edge/targets.py",
    "services/geoserver/databases.py",
    "services/geoserver/layers.py",
    "services/geoserver/names.py",
    "services/geoserver/offered.py",
    "services/health.py",
    "services/lifecycle.py",
    "services/notices.py",
    "services/pages/*.py",
    "services/running/book.py",
    "services/running/idle.py",
    "services/running/keeping.py",
    "services/running/starting.py",
    "services/running/suspending.py",
    "services/submission/*.py",
    "services/xcube_server/cubes.py",
)
NO_SENTENCES = frozenset(
    {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext"}
    | {"LookupError", "ValueError", "TypeError", "RuntimeError", "AssertionError", "OSError"}
    | {"audit", "debug", "error", "exception", "info", "logger", "out", "re", "record", "warning"}
    | {"ContainmentLog", "EngineDataError", "compile", "filter", "get", "render", "reverse"}
)
"""What is called with texts that are marked already, or that no page shows."""
_FOR_PROGRAMS = re.compile(
    r"\n|https?://|[a-z]+=|/[a-z-]+;|INSERT|^\S+: must|^cate-|^source |^private, |^<| = |^Traceback"
)
SHORT = (
    "Error",
    "Ready",
    "Suspended",
    "exists; choose “{0}” to replace it",
    "expected {0}",
    "result",
    "run",
    "service",
    "{0} in {1} {2}.",
)
"""Texts that are too short to be collected, and nouns that appear as values in sentences."""
NOT_SHOWN = frozenset(
    {
        " and {0} more",
        " or a store of your own ({0})",
        "CATE_IMG with CATE_TAG or CATE_HASH",
        "denied the request",
        "device code {0}",
        "device requests of all",
        "device requests {0}",
        "ephemeral local storage usage",
        "exceeded quota",
        "local ephemeral storage limit",
        "share with a person by {0}",
        "test webhooks of {0}",
        "Revoked | None",
        "{0}: balance total {1}, reserved {2}; entries add up to total {3}, reserved {4}",
    }
)
"""Texts of these modules that are no words to a person: names of limits, what others say."""


def sentences(root: Path) -> list[str]:
    """What the modules of READ_ON_PAGES say, each once."""
    paths = {path for pattern in READ_ON_PAGES for path in root.glob(pattern)}
    found = {text for path in paths for text in of_module(path.read_text("utf-8"))}
    return sorted({*found, *SHORT} - NOT_SHOWN)


def of_module(source: str) -> Iterator[str]:
    """The sentences that a module with this source may say."""
    for text in _texts(ast.parse(source)):
        if _is_sentence(text):
            yield text


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.keyword) and node.arg == "help_text":
        return
    if isinstance(node, ast.Call) and NO_SENTENCES.intersection(_names(node.func)):
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield numbered(node.value)
        return
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        yield numbered("".join(parts))
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _texts(child)


def _names(called: ast.expr) -> Iterator[str]:
    """`logger` and `error` of `logger.error`."""
    if isinstance(called, ast.Attribute):
        yield called.attr
        yield from _names(called.value)
    elif isinstance(called, ast.Name):
        yield called.id


def numbered(text: str) -> str:
    """`{name} is of {}` as `{0} is of {1}`."""
    parts = re.split(r"\{\w*\}", text)
    return parts[0] + "".join(f"{{{n}}}{part}" for n, part in enumerate(parts[1:]))


def _is_sentence(text: str) -> bool:
    words = re.findall(r"(?<![\w'.])[A-Za-z][a-z]+(?![\w'])", text)
    return " " in text.strip() and len(words) > 1 and not _FOR_PROGRAMS.search(text)
