"""What a change of a session's configuration becomes (core/decisions.py). Pure.

It is decided from the record as it is when it is recorded, so that of two who add a rule at once, both rules stand."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from roost.model import commands as c
from roost.model import events as e
from roost.model.errors import ConfigConflict
from roost.model.info import config_of
from roost.model.record import Record


def changes(record: Record, command: c.Configure) -> dict[str, Any]:
    """The fields of the `config-changed` that this makes; empty if nothing was asked for.

    Raises: ConfigConflict: what the command expects is not so any more; InvalidBody.
    """
    version = config_of(record).version
    if command.expect is not UNSET and command.expect != version:
        raise ConfigConflict(version=version)
    fields: dict[str, Any] = {name: getattr(command, name) for name in ("model", "mode", "options")}
    fields["timeouts"] = _timeouts(record.timeouts, command.timeouts)
    fields["policy"] = _policy(record.policy, command)
    fields["granted"] = _granted(record.granted, command)
    return {name: value for name, value in fields.items() if value is not UNSET}


def _timeouts(now: e.Timeouts, given: c.TimeoutsRequest | UnsetType) -> e.Timeouts | UnsetType:
    if given is UNSET:
        return UNSET
    settled = given.settled()
    named = {name: v for name in e.Timeouts.__struct_fields__ if (v := getattr(settled, name)) is not UNSET}
    return replace(now, **named)


def _policy(now: e.Policy, command: c.Configure) -> e.Policy | UnsetType:
    if command.policy is UNSET and not command.add_rules and not command.remove_rules:
        return UNSET
    wanted = now if command.policy is UNSET else command.policy.settled()
    return replace(wanted, rules=_edited(wanted.rules, command.add_rules, command.remove_rules))


def _granted(now: Sequence[e.Rule], command: c.Configure) -> tuple[e.Rule, ...] | UnsetType:
    if command.granted is UNSET and not command.grant and not command.revoke:
        return UNSET
    wanted = now if command.granted is UNSET else command.granted
    return _edited(wanted, command.grant, command.revoke)


def _edited(rules: Sequence[e.Rule], added: Sequence[e.Rule], removed: Sequence[e.Rule]) -> tuple[e.Rule, ...]:
    """Without what is removed, and with what is added and not there yet. Raises: InvalidBody: too many, or too long."""
    gone = c.settled_rules(removed)
    kept = [rule for rule in c.settled_rules(rules) if rule not in gone]
    kept += [rule for rule in dict.fromkeys(c.settled_rules(added)) if rule not in kept]
    return c.settled_rules(kept)
