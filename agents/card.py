"""The model card: what a trained agent is, where it is from, and all that is needed to rebuild its network.

A card may come from a stranger. It is checked against this description before anything is built from it, and its
sizes are bounded, so that no card can ask for more than some ten megabytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jitgym.agents.structure import Structure
from jitgym.agents.view import MAX_FRAMES, Layout, View
from jitgym.errors import InputError
from jitgym.knobs import Knob

FORMAT: Final = 2
MAX_CARD_BYTES: Final = 2 << 20
MAX_WIDTH: Final = 1024
MAX_LAYERS: Final = 4

Output = Literal["mean", "squashed", "picks", "joint"]
"""What a network's outputs are: mean moves, moves before a tanh, the logits of the picks of every knob, or values of
joint settings, of which the highest is taken."""
Activation = Literal["tanh", "relu"]
Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
Count = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Name = Annotated[str, Field(max_length=200)]
KIND_OF: Final = {"mean": "moves", "squashed": "moves", "picks": "picks", "joint": "joint"}


class TrainedOn(BaseModel):
    """A scenario of the training and the share of the steps that was spent on it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: Name
    hash: Name
    share: float


Unit = Annotated[float, Field(ge=1e-12, le=1e12)]
"""A size that 32-bit numbers can be multiplied and divided by."""


class Departure(BaseModel):
    """The rule that moves depart from, by name and numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: Name
    numbers: Annotated[tuple[Count, ...], Field(max_length=1000)]


class Card(BaseModel):
    """What a trained agent is and where it is from.

    Attributes:
        format: version of this description.
        scenario: name of the line it was made for.
        scenario_hash: of that line's description.
        trained_on: every scenario that it was trained on.
        layout_hash: of knobs and observations: an agent fits only lines with the same.
        knobs: lowest value, highest value and whether it can be off, for each knob by name.
        observations: names of the entries that it sees.
        scales: what one unit is in each of them.
        shift: is subtracted from each entry.
        spread: then divides it.
        frames: observations in a row that it sees.
        menus: knob values that it picks from, for each knob.
        home: the rule that it started as, by knob; None if it started from nothing.
        radii: how far it may move each knob from there; None if it does not move them.
        rule: the rule that its moves depart from, where that looks at the line; None: they depart from home.
        joint: the settings that it chooses among, as picks of the open knobs; None if it sets every knob.
        masked: whether choices that are not worth trying now are kept from it.
        hidden: widths of its hidden layers.
        activation: ``tanh`` or ``relu``.
        output: what its outputs are.
        weights_sha256: checksum of the file of weights; filled in when it is written.
        facts: algorithm, steps, seed, settings, versions, curve: for the reader.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    format: Literal[2] = FORMAT
    scenario: Name
    scenario_hash: Name
    trained_on: tuple[TrainedOn, ...] = ()
    layout_hash: Name
    knobs: dict[Name, tuple[int, int, bool]]
    observations: tuple[Name, ...]
    scales: tuple[Unit, ...]
    shift: tuple[Annotated[float, Field(ge=-1e12, le=1e12)], ...]
    spread: tuple[Unit, ...]
    frames: Annotated[int, Field(ge=1, le=MAX_FRAMES)] = 1
    menus: dict[Name, tuple[Count, ...]]
    home: dict[Name, Count] | None
    radii: dict[Name, Count] | None
    rule: Departure | None = None
    joint: tuple[tuple[Count, ...], ...] | None = None
    masked: bool = False
    hidden: Annotated[tuple[Width, ...], Field(max_length=MAX_LAYERS)]
    activation: Activation
    output: Output
    weights_sha256: Name = ""
    facts: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Card:
        n = len(self.observations)
        for name in ("scales", "shift", "spread"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} must hold {n} numbers, one for each observation")
        for name in ("menus", "home", "radii"):
            given = getattr(self, name)
            if given is not None and set(given) != set(self.knobs):
                raise ValueError(f"{name} must be given for the knobs of the card, and for no other")
        if self.layout_hash != self.layout.hash:
            raise ValueError("layout_hash must be that of the card's knobs and observations")
        if (self.output == "joint") != (self.joint is not None):
            raise ValueError("joint settings must be given with the output 'joint', and with no other")
        if (KIND_OF[self.output] == "moves") != (self.radii is not None):
            raise ValueError("radii must be given with outputs that are moves, and with no other")
        if self.rule is not None and self.radii is None:
            raise ValueError("rule must be given with outputs that are moves only")
        if self.masked and self.output != "picks":
            raise ValueError("masked must be given with the output 'picks' only")
        return self

    @property
    def layout(self) -> Layout:
        """The layout that the agent is for."""
        return Layout(self.knobs, self.observations)

    @property
    def view(self) -> View:
        """How the agent sees a line."""
        return View.from_state({name: getattr(self, name) for name in ("scales", "shift", "spread", "frames")})

    def structure(self, knobs: tuple[Knob, ...]) -> Structure:
        """Return what the agent chooses from, on a line of its layout.

        Raises:
            InputError: the card's menus do not fit the knobs.
        """
        names = [knob.name for knob in knobs]
        menus = [self.menus[name] for name in names]
        home = None if self.home is None else [self.home[name] for name in names]
        radii = None if self.radii is None else [self.radii[name] for name in names]
        return Structure(knobs, menus, home, radii, self.joint)


def parse_card(content: bytes) -> Card:
    """Return the card that a file holds.

    Raises:
        InputError: it is no card, or breaks a rule; the message names the first one.
    """
    if len(content) > MAX_CARD_BYTES:
        raise InputError(f"must be a card of at most {MAX_CARD_BYTES} bytes")
    try:
        return Card.model_validate_json(content)
    except ValidationError as error:
        faults = error.errors()
        first = next((fault for fault in faults if fault["loc"] == ("format",)), faults[0])
        if first["type"] == "json_invalid":
            raise InputError(f"must be the card of a stored agent, got no JSON: {first['msg']}") from None
        if first["loc"] == ("format",):
            raise InputError(f"format must be {FORMAT}, got {first['input']!r:.80}") from None
        where = ".".join(map(str, first["loc"]))
        rule = first["msg"].removeprefix("Value error, ")
        what = f"{where}: {rule}, got {first['input']!r:.80}" if where else rule
        raise InputError(f"must be the card of a stored agent: {what}") from None
