"""What pages send: read by a model, and every fault told with its place, the rule and the value received."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from jitgym.descriptions import faults_of
from jitgym.errors import InputError


class Sent(BaseModel):
    """What a page sends; it may hold nothing else, and nothing is turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


Wanted = TypeVar("Wanted", bound=Sent)
Command = TypeVar("Command")


def read_sent(model: type[Wanted], sent: Any) -> Wanted:
    """Return what was sent as a model has it.

    Raises:
        InputError: it is none; every fault has a row.
    """
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise InputError("\n".join(faults_of(error, sent))) from None


def read_command(commands: TypeAdapter[Command], sent: Any) -> Command:
    """Return one of several commands, which its ``do`` tells from the others.

    Raises:
        InputError: it is none of them; every fault has a row.
    """
    named = {"do": None, **sent} if isinstance(sent, dict) else sent  # without it the rule would not say what there is
    try:
        return commands.validate_python(named)
    except ValidationError as error:
        tag = str(named["do"]) if isinstance(named, dict) else ""
        raise InputError("\n".join(faults_of(error, named, tag))) from None
