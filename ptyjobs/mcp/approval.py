"""Ask the user to approve a call, through the client's own dialog, where a rule requires it.

Owns elicitation in both protocol eras: a request to the client (before 2026-07-28), or an
`input_required` result that the client answers by repeating its call. Never decides what needs
approval (`policy.rules`). If the request did not declare elicitation, the user is not asked, and
the refusal says what the model should tell the user.

An approval covers one call: the repeated call must carry the state issued for exactly these
arguments, and each state is accepted once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ptyjobs.mcp.results import Result

if TYPE_CHECKING:
    from ptyjobs.errors import NeedsApproval

FIRST_WITHOUT_REQUESTS = "2026-07-28"  # from this revision on, servers send no requests
KEY = "approval"
FORM: dict[str, Any] = {"type": "object", "properties": {}}  # accepting it is the answer
MOST_PENDING = 100

Context = Any  # mcp.server.context.ServerRequestContext, as in server.py


def declared(ctx: Context | None) -> bool:
    """True if this request declares elicitation."""
    capabilities = ctx.session.client_capabilities if ctx is not None else None
    return capabilities is not None and capabilities.elicitation is not None


class Approvals:
    """Pending approval questions of one server."""

    def __init__(self) -> None:
        self._pending: dict[str, str] = {}

    def answered(self, name: str, arguments: Mapping[str, Any] | None, params: Any) -> bool | None:
        """The user's answer carried by a repeated call; None if it answers no pending question."""
        state = getattr(params, "request_state", None)
        if not state or self._pending.pop(state, None) != _fingerprint(name, arguments):
            return None
        answer = (params.input_responses or {}).get(KEY)
        return getattr(answer, "action", "") == "accept"

    async def ask(
        self, name: str, arguments: Mapping[str, Any] | None, error: NeedsApproval, ctx: Context
    ) -> bool | Result:
        """The user's answer, or the result that makes the client ask and repeat the call."""
        from mcp.shared.exceptions import MCPError

        message = f"ptyjobs: {error.message} Allow it once?"
        if ctx.session.protocol_version < FIRST_WITHOUT_REQUESTS:
            try:
                answer = await ctx.session.elicit_form(message, FORM, ctx.request_id)
            except MCPError:  # declared, but not supported
                return False
            return bool(answer.action == "accept")
        state = secrets.token_urlsafe(16)
        while len(self._pending) >= MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[state] = _fingerprint(name, arguments)
        params = {"mode": "form", "message": message, "requestedSchema": FORM}
        question = {"method": "elicitation/create", "params": params}
        wire = {
            "resultType": "input_required",
            "inputRequests": {KEY: question},
            "requestState": state,
        }
        return Result("", task=wire)


def _fingerprint(name: str, arguments: Mapping[str, Any] | None) -> str:
    return json.dumps([name, dict(arguments or {})], sort_keys=True, default=str)


def declined(error: NeedsApproval) -> Result:
    """Result of a call that the user declined."""
    text = f"The user declined: {error.facts.get('command', '')!r}. Ask what to do instead."
    return Result(text, {"error": error.code}, is_error=True)
