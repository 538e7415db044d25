"""Companies, many at once: decisions of a period go in, what it came to comes out.

``N`` companies of ``L`` lines are one batch of ``N * L`` lines of the simulator, company by company. A period: troubles
come and go; money is spent, stages are put under pull; capabilities set the lines' parameters; the lines run day by day
under their plan; the books are closed on the ledger; capabilities grow and fade.

Every company begins with the same history: two years of push with high buffers, without trouble. What comes after is
fixed by its seed, whatever is decided: demand, breakdowns and lateness in every slot, troubles, and errors of audits.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.batch import Parameters, batch_scenario, demand_levels
from jitgym.enterprise.capability import Abilities, Growth
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.levers import BACK, NEXT, PILOT, LeverTable
from jitgym.enterprise.money import COIN, Account, Balance, Bookkeeper, coins
from jitgym.enterprise.parts import INVESTED
from jitgym.enterprise.planning import Plan, Planner
from jitgym.enterprise.review import MEASURES, Review
from jitgym.enterprise.rows import Rows
from jitgym.enterprise.shocks import Fate, Trouble, line_seeds
from jitgym.errors import InputError
from jitgym.ledger import Ledger
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator, child_seeds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HISTORY_YEARS = 2
"""Years before the first decision: long enough for stocks to settle."""
MONEY = ("develop", *INVESTED)
"""Levers whose steps are money."""
NEVER = -1
"""Periods until an alternative supplier may deliver, where nobody has begun to qualify it."""


@dataclass
class State(Rows):
    """Where companies stand, besides their lines; the first axis is companies.

    Attributes:
        root: seed of all episodes, ``(n,)`` uint64.
        episode: which of them it is.
        seed: of this episode.
        period: periods since it began.
        abilities: what they are good at.
        trouble: what happens to them.
        balance: what they own and owe.
        pool: money left for improvement, in coins.
        stage: stages under pull, ``(n, n_lines)``.
        waiting: periods until a supplier may deliver, ``(n, n_suppliers)``; ``NEVER``: not in qualification.
        forecast: units a slot, ``(n, n_lines, n_products)``.
        ordered: units of each item ordered so far, ``(n, n_lines, n_items)``.
        measures: the scorecard of the last period, ``(n, n_lines, n_measures)``.
        trend: its mean over the periods before, the newer the more, the same shape.
        on_time: of suppliers, ``(n, n_suppliers)``.
        on_time_trend: the same.
        audit: errors of the last audits, ``(n, n_audited)``.
        cards: the safety cards decided last, in steps of the lever, ``(n, n_lines)``.
        profit: economic profit of the last period, in coins.
    """

    root: npt.NDArray[np.uint64]
    episode: npt.NDArray[np.uint32]
    seed: npt.NDArray[np.uint64]
    period: Ints
    abilities: Abilities
    trouble: Trouble
    balance: Balance
    pool: Ints
    stage: Ints
    waiting: Ints
    forecast: Floats
    ordered: Ints
    measures: Floats
    trend: Floats
    on_time: Floats
    on_time_trend: Floats
    audit: Floats
    cards: Ints
    profit: Ints


@dataclass(frozen=True)
class Period:
    """What a period came to.

    Attributes:
        ledger: of all lines, company by company.
        account: the books.
        measures: the scorecard of the lines, ``(n_companies, n_lines, n_measures)``.
        on_time: of the suppliers, ``(n_companies, n_suppliers)``.
        stage: stages under pull, ``(n_companies, n_lines)``.
        spent: money by lever, in coins, ``(n_companies, n_levers)``; a roll-out's and a qualification's too.
        plan: cards, lots and levels that held.
        parameters: of the lines, ``(n_companies * n_lines, n_varied)``.
        working_capital: at the end, in coins, ``(n_companies,)``.
    """

    ledger: Ledger
    account: Account
    measures: Floats
    on_time: Floats
    stage: Ints
    spent: Ints
    plan: Plan
    parameters: Floats
    working_capital: Ints


@dataclass(frozen=True)
class Records:
    """What a company has on record of its history, day by day.

    Attributes:
        demand: of each product, ``(n_days, n_lines, n_products)``.
        promised: units that each supplier promised for the day, ``(n_days, n_suppliers)``.
        on_time: those of them that came on that day.
    """

    demand: Ints
    promised: Ints
    on_time: Ints


class Companies:
    """A batch of companies of one enterprise.

    Args:
        enterprise: what :func:`jitgym.enterprise.description.load_enterprise` takes.
        n_companies: companies in the batch.
        seed: a non-negative integer, or the 64-bit seeds of the companies, ``(n_companies,)`` uint64.
        backend: ``"core"`` or ``"oracle"``, of the simulator.
        n_threads: threads that share the lines.

    Attributes:
        enterprise: the description.
        levers: what a decision vector holds.
        simulator: the lines.
        state: all else.
        records: of the history that all companies share.

    Example:
        >>> firms = Companies("components", n_companies=2, seed=1)
        >>> period = firms.step(firms.levers.at_rest)
        >>> period.account.economic_profit.shape
        (2,)
    """

    def __init__(
        self,
        enterprise: str | dict[str, Any] | Enterprise,
        n_companies: int = 1,
        seed: int | npt.ArrayLike = 0,
        backend: Literal["core", "oracle"] = "core",
        n_threads: int = 1,
    ) -> None:
        if isinstance(n_companies, bool) or not isinstance(n_companies, (int, np.integer)) or n_companies < 1:
            raise InputError(f"n_companies must be an integer >= 1, got {n_companies!r}")
        self.enterprise = load_enterprise(enterprise)
        self.n_companies = int(n_companies)
        self.levers = LeverTable(self.enterprise)
        self._n_lines = len(self.enterprise.lines)
        scenario = batch_scenario(self.enterprise)
        self.simulator = Simulator(scenario, self.n_companies * self._n_lines, 0, backend, n_threads)
        self._company = _Run(self.enterprise, self.levers, self.simulator)
        self._history, self._opening, self.records = self._company.history(backend)
        self.state = self._opening.repeated(self.n_companies)
        self.reset(seed)

    def reset(self, seed: int | npt.ArrayLike | None = None, mask: Bools | None = None) -> None:
        """Put companies back to their start.

        Args:
            seed: an integer or ``(n_companies,)`` seeds; None: each company goes on to its next episode, whose luck
                follows from its seed.
            mask: ``(n_companies,)`` bool, the companies to reset; None: all.
        """
        chosen = np.ones(self.n_companies, dtype=bool) if mask is None else np.asarray(mask)
        if chosen.shape != (self.n_companies,) or chosen.dtype != bool:
            raise InputError(f"mask must be {self.n_companies} booleans, got {chosen.dtype} of shape {chosen.shape}")
        fresh = self._opening.repeated(self.n_companies)
        if seed is None:
            fresh.root[...], fresh.episode[...] = self.state.root, self.state.episode + np.uint32(1)
        else:
            fresh.root[...] = self._roots(seed)
        fresh.seed[...] = child_seeds(fresh.root, fresh.episode)
        fresh.audit[...] = self._company.fate.first_audits(fresh.seed)
        seeds, lines = line_seeds(fresh.seed, self._n_lines), np.tile(np.arange(self._n_lines), self.n_companies)
        if chosen.all():
            self._history.fork(lines, seeds, into=self.simulator)
        elif chosen.any():
            where = np.flatnonzero(np.repeat(chosen, self._n_lines))
            self.simulator.put(where, self._history, lines[where], seeds[where])
        self.state.put(chosen, fresh)

    def _roots(self, seed: int | npt.ArrayLike) -> npt.NDArray[np.uint64]:
        if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
            if seed < 0:
                raise InputError(f"seed must be >= 0, got {seed}")
            return seed_bank(int(seed), self.n_companies)
        seeds = np.asarray(seed)
        if seeds.shape != (self.n_companies,) or seeds.dtype.kind not in "iu" or (seeds < 0).any():
            raise InputError(
                f"seed must be an integer >= 0 or {self.n_companies} of them, got {seeds.dtype} of shape {seeds.shape}"
            )
        return seeds.astype(np.uint64)

    def step(self, decisions: npt.ArrayLike) -> Period:
        """Let a period pass.

        What the money left for improvement cannot pay is not done: qualifications and roll-outs are paid in their
        order while it lasts, then every investment gets the same share of what it asks for, and what is not kept up
        fades.

        Args:
            decisions: integers, ``(n_levers,)`` for all companies or ``(n_companies, n_levers)``.

        Raises:
            InputError: wrong shape, dtype or range of a lever; nothing is changed then.
        """
        return self._company.period(self.simulator, self.state, self.levers.checked(decisions, self.n_companies))

    @property
    def _stamp(self) -> bytes:
        return f"{self.enterprise.hash} {self.n_companies:>10} ".encode()

    def snapshot(self) -> bytes:
        """Return where all companies stand, luck included, as bytes."""
        return self._stamp + self.state.to_bytes() + self.simulator.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot of companies of the same enterprise and number.

        Raises:
            InputError: the snapshot is of others, or not whole; nothing is changed then.
        """
        head, size = len(self._stamp), self.state.nbytes
        if snapshot[:head] != self._stamp or len(snapshot) < head + size:
            raise InputError(
                f"snapshot must be of {self.n_companies} companies of {self.enterprise.name!r} "
                f"({self.enterprise.hash}), got {len(snapshot)} bytes that begin with {snapshot[:head]!r}"
            )
        self.simulator.restore(snapshot[head + size :])
        self.state.from_bytes(snapshot[head : head + size])

    def fork(self, companies: npt.ArrayLike, seeds: npt.ArrayLike, into: Companies | None = None) -> Companies:
        """Return a batch whose company ``k`` stands where company ``companies[k]`` stands, and meets other luck.

        Args:
            companies: numbers of companies of this batch, ``(n,)``, in any order, also several times.
            seeds: of the luck from now on, ``(n,)`` integers >= 0; the same seeds, the same luck.
            into: companies of an earlier fork of the same size, to be overwritten.

        Raises:
            InputError: companies that are not there, bad seeds, or ``into`` is of others.
        """
        chosen, luck = np.asarray(companies), np.asarray(seeds)
        if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
            raise InputError(f"companies must be one or more integers, got {chosen.dtype} of shape {chosen.shape}")
        if chosen.min() < 0 or chosen.max() >= self.n_companies:
            raise InputError(f"companies must be in 0..{self.n_companies - 1}, got {chosen.min()}..{chosen.max()}")
        if luck.shape != chosen.shape or luck.dtype.kind not in "iu" or (luck < 0).any():
            raise InputError(f"seeds must be {len(chosen)} integers >= 0, got {luck.dtype} of shape {luck.shape}")
        target = None if into is None else into.simulator
        if into is None:
            into = Companies.__new__(Companies)  # what does not change is shared
            vars(into).update(vars(self), n_companies=len(chosen))
        elif into is self or into.n_companies != len(chosen) or into.enterprise.hash != self.enterprise.hash:
            raise InputError(f"into must be {len(chosen)} companies of {self.enterprise.name!r}, got others")
        lines = (chosen[:, None] * self._n_lines + np.arange(self._n_lines)).ravel()
        roots = luck.astype(np.uint64)
        into.simulator = self.simulator.fork(lines, line_seeds(roots, self._n_lines), into=target)
        into.state = self.state.taken(chosen)
        into.state.root[...] = into.state.seed[...] = roots
        into.state.episode[...] = 0
        return into

    @property
    def capital_rate(self) -> float:
        """What a period of capital costs, as a share of it."""
        return self._company.capital_rate

    def copy(self) -> Companies:
        """Return companies that go on from here on their own: same luck, nothing shared that changes."""
        return copy.deepcopy(self)

    __copy__ = copy  # a shallow copy would share the lines and the state


class _Run:
    """Runs periods: all that companies of an enterprise share and that does not change."""

    def __init__(self, enterprise: Enterprise, levers: LeverTable, simulator: Simulator) -> None:
        self._enterprise, self._levers = enterprise, levers
        self._n_lines, self._line = len(enterprise.lines), simulator.scenario
        varied = tuple((entry.parameter, entry.place) for entry in simulator.varied)
        self._parameters = Parameters.of(enterprise, varied)
        self._growth, self.fate = Growth(enterprise), Fate(enterprise)
        self._planner, self._books = Planner(enterprise, simulator), Bookkeeper(enterprise, simulator)
        self._review = Review(enterprise, self._line)
        self._budget = coins(enterprise.money.budget, "money.budget")
        self._rollout = coins(enterprise.money.rollout, "money.rollout")
        units = [coins(lever.unit, lever.name) if lever.kind in MONEY else 0 for lever in levers.levers]
        self._units: Ints = np.array(units, dtype=np.int64)
        self._supply = _supply(enterprise)

    @property
    def capital_rate(self) -> float:
        """What a period of capital costs, as a share of it."""
        return self._books.capital_rate

    # -- the start --

    def history(self, backend: Literal["core", "oracle"]) -> tuple[Simulator, State, Records]:
        """Return the lines of one company after its history, where it stands, and what it has on record."""
        enterprise = self._enterprise
        simulator = Simulator(self._line, self._n_lines, 0, backend)
        state = self._fresh(simulator)
        days: list[Ledger] = []
        for _ in range(HISTORY_YEARS * enterprise.periods_per_year):
            self.period(simulator, state, self._levers.at_rest[None], calm=True, days=days)
        balance = state.balance
        state.balance = self._books.opening(balance.stock, balance.sold, balance.bought)
        state.period[...] = 0
        state.pool[...] = 0
        return simulator, state, self._records(days)

    def _records(self, days: list[Ledger]) -> Records:
        supply = _supply(self._enterprise)
        demand = np.stack([day["demand"].reshape(self._n_lines, -1) for day in days])
        promised, on_time = (
            np.stack([np.bincount(supply.ravel(), day[field].ravel(), len(self._enterprise.suppliers)) for day in days])
            for field in ("promised", "delivered_on_time")
        )
        return Records(demand, promised.astype(np.int64), on_time.astype(np.int64))

    def _fresh(self, simulator: Simulator) -> State:
        enterprise, n_lines = self._enterprise, self._n_lines
        n_suppliers, n_products = len(enterprise.suppliers), self._line.n_products
        means = [[law.mean if law is not None else 0.0 for law in enterprise.laws_of(i)] for i in range(n_lines)]
        stock = self._books.inventory(simulator)[None]
        sold, bought = (np.zeros((1, n), dtype=np.int64) for n in self._books.outstanding)
        waiting = [[0 if s.alternative is None else NEVER for s in enterprise.suppliers]]

        def zeros(*shape: int) -> Ints:
            return np.zeros((1, *shape), dtype=np.int64)

        return State(
            root=np.zeros(1, dtype=np.uint64),
            episode=np.zeros(1, dtype=np.uint32),
            seed=np.zeros(1, dtype=np.uint64),
            period=zeros(),
            abilities=Abilities.at_start(enterprise, 1),
            trouble=Trouble.none(enterprise, 1),
            balance=self._books.opening(stock, sold, bought),
            pool=zeros(),
            stage=zeros(n_lines),
            waiting=np.array(waiting, dtype=np.int64).reshape(1, n_suppliers),
            forecast=np.array([means], dtype=np.float64).reshape(1, n_lines, n_products),
            ordered=zeros(n_lines, len(self._line.items)),
            measures=np.zeros((1, n_lines, len(MEASURES))),
            trend=np.zeros((1, n_lines, len(MEASURES))),
            on_time=np.ones((1, n_suppliers)),
            on_time_trend=np.ones((1, n_suppliers)),
            audit=np.zeros((1, self.fate.n_audited)),
            cards=np.full((1, n_lines), enterprise.start_cards, dtype=np.int64),
            profit=zeros(),
        )

    # -- a period --

    def period(
        self,
        simulator: Simulator,
        state: State,
        decisions: Ints,
        calm: bool = False,
        days: list[Ledger] | None = None,
    ) -> Period:
        """Let a period pass; ``calm``: without trouble, audits and budget. ``days`` gets the ledger of each day."""
        if not calm:
            state.audit[...] = self.fate.strike(state.trouble, state.seed, state.period)
            self._grant(state)
        advanced, spent = self._spend(state, decisions)
        self._roll_out(state, decisions, advanced)
        parameters = self._set_parameters(simulator, state)
        plan = self._plan(state, parameters, decisions)
        ledger = self._run_days(simulator, state, plan, days)
        account = self._books.close(state.balance, ledger, self._books.inventory(simulator), spent.sum(axis=1))
        measures = self._review.lines(ledger, account, state.stage)
        on_time = self._review.suppliers(ledger)
        self._note(state, ledger, measures, on_time, account, calm & (state.period == 0))
        self._grow(state, spent, measures)
        state.period += 1
        return Period(
            ledger, account, measures, on_time, state.stage.copy(), spent, plan, parameters,
            state.balance.working_capital,
        )  # fmt: skip

    def _grant(self, state: State) -> None:
        """Give the budget of a period, and let what is left over not grow beyond a year's."""
        share = np.where(state.trouble.cut > 0, self._enterprise.shocks.budget_cut.times, 1.0)
        given = np.rint(self._budget / self._enterprise.periods_per_year * share).astype(np.int64)
        state.pool[...] = np.minimum(state.pool + given, self._budget)

    def _spend(self, state: State, decisions: Ints) -> tuple[Ints, Ints]:
        """Pay for what was decided as far as the money goes; return stages put under pull and money by lever."""
        columns = self._levers.columns
        spent = np.zeros_like(decisions)
        for column, place in zip(columns["alternative"], self._levers.suppliers["alternative"], strict=True):
            terms = self._enterprise.suppliers[place].alternative
            assert terms is not None  # levers of alternatives are those of suppliers that have terms
            cost = coins(terms.cost, "alternative.cost")
            begins = (decisions[:, column] > 0) & (state.waiting[:, place] == NEVER) & (state.pool >= cost)
            spent[:, column] = np.where(begins, cost, 0)
            state.pool -= spent[:, column]
            # counted down at the end of each period, this one included
            state.waiting[:, place] = np.where(begins, terms.periods + 1, state.waiting[:, place])
        advanced = np.zeros_like(state.stage)
        n_stages = len(self._line.stages)
        for line, column in enumerate(columns["rollout"]):
            order, stage = decisions[:, column], state.stage[:, line]
            wanted = (order == PILOT) & (stage == 0) | (order == NEXT) & (stage > 0) & (stage < n_stages)
            goes = wanted & (state.pool >= self._rollout)
            spent[:, column] = np.where(goes, self._rollout, 0)
            state.pool -= spent[:, column]
            advanced[:, line] = goes
        invested = np.concatenate([columns[kind] for kind in MONEY])
        asked = decisions[:, invested] * self._units[invested]
        total = asked.sum(axis=1)
        share = np.minimum(1.0, state.pool / np.maximum(1, total))
        paid = np.where(share[:, None] < 1, np.floor(asked * share[:, None]).astype(np.int64), asked)
        spent[:, invested] = paid
        state.pool -= paid.sum(axis=1)
        return advanced, spent

    def _roll_out(self, state: State, decisions: Ints, advanced: Ints) -> None:
        self._growth.roll_out(state.abilities, advanced, state.stage)
        back = decisions[:, self._levers.columns["rollout"]] == BACK
        state.stage[...] = np.where(back, 0, state.stage + advanced)
        state.cards[...] = decisions[:, self._levers.columns["cards"]]

    def _set_parameters(self, simulator: Simulator, state: State) -> Floats:
        """Make the lines what capabilities and troubles say; return their parameters."""
        p, shocks, trouble = self._parameters, self._enterprise.shocks, state.trouble
        values = p.values(state.abilities.row)
        escaped = trouble.escape > 0
        most = np.array([entry.high for entry in simulator.varied])
        values[:, :, p.defect] *= np.where(escaped, shocks.escape.times, 1.0)[:, :, None]
        levels = demand_levels(
            np.arange(self._n_lines), trouble.shift, shocks.demand_shift.low, shocks.demand_shift.high
        )
        values[:, :, p.demand] = levels[:, :, None]
        if len(p.fail):
            down = (trouble.outage > 0)[:, self._supply]
            values[:, :, p.fail] = np.where(down, 1.0, values[:, :, p.fail])
            values[:, :, p.recover] = np.where(down, 2.0**-31, values[:, :, p.recover])
        flat: Floats = np.minimum(values.reshape(-1, values.shape[-1]), most)
        simulator.vary(flat)
        return flat

    def _plan(self, state: State, parameters: Floats, decisions: Ints) -> Plan:
        n = len(parameters)
        unit = int(self._enterprise.levers.cards.unit)
        return self._planner.plan(
            parameters,
            state.forecast.reshape(n, -1).copy(),  # the plan is kept; the state goes on
            state.stage.flatten(),
            state.cards.ravel() * unit,
            state.abilities.discipline.ravel(),
            self._shares(state, decisions).reshape(n, -1),
        )

    def _shares(self, state: State, decisions: Ints) -> Floats:
        """Return the share of its item's orders that each supplier of each line has, the regular one last."""
        line = self._line
        shares = np.zeros((len(decisions), self._n_lines, len(line.suppliers)))
        wanted = np.zeros((len(decisions), len(self._enterprise.suppliers)))
        for column, place in zip(
            self._levers.columns["alternative"], self._levers.suppliers["alternative"], strict=True
        ):
            ready = state.waiting[:, place] == 0
            wanted[:, place] = np.where(ready, decisions[:, column] * self._levers.levers[column].unit, 0.0)
        shares[...] = wanted[:, self._supply]
        items = [supplier.item for supplier in line.suppliers]
        regular = [self._enterprise.suppliers[s].alternative is None for s in self._supply[0]]
        for item in line.item_names:
            places = [j for j, name in enumerate(items) if name == item]
            total = shares[:, :, places].sum(axis=2)
            shares[:, :, places] /= np.maximum(1.0, total)[:, :, None]
            (own,) = [j for j in places if regular[j]]
            shares[:, :, own] = 1 - np.minimum(1.0, total)
        return shares

    def _run_days(self, simulator: Simulator, state: State, plan: Plan, days: list[Ledger] | None) -> Ledger:
        ordered = state.ordered.reshape(len(plan.pulled), -1)
        ledger = None
        for day in range(self._enterprise.days):
            counted = simulator.step(self._planner.knobs(simulator, plan, day, ordered))
            if days is not None:
                days.append(counted)
            if ledger is None:
                ledger = Ledger(counted.layout, counted.array.copy(order="K"))
            else:
                ledger.array += counted.array  # in place: at this size an allocation costs as much as the addition
        assert ledger is not None  # a period has a day at least
        return ledger

    def _note(
        self, state: State, ledger: Ledger, measures: Floats, on_time: Floats, account: Account, first: Bools
    ) -> None:
        """Keep the scorecard, with the weighted mean of those before, and the forecast; ``first``: none before."""
        weight = self._enterprise.planning.smoothing
        for trend, last, now in (
            (state.trend, state.measures, measures),
            (state.on_time_trend, state.on_time, on_time),
        ):
            new = first.reshape(-1, *[1] * (now.ndim - 1))
            trend[...] = np.where(new, now, trend + weight * (last - trend))
            last[...] = now
        rate = ledger["demand"].reshape(state.forecast.shape) / ledger["slots"].reshape(*state.stage.shape, 1)
        state.forecast += weight * (rate - state.forecast)
        state.profit[...] = account.economic_profit

    def _grow(self, state: State, spent: Ints, measures: Floats) -> None:
        columns = self._levers.columns
        lines = np.stack([spent[:, columns[kind]] for kind in INVESTED], axis=-1) / COIN
        suppliers = np.zeros(state.on_time.shape)
        suppliers[:, self._levers.suppliers["develop"]] = spent[:, columns["develop"]] / COIN
        visible = measures[:, :, list(MEASURES).index("visible")]
        self._growth.grow(state.abilities, lines, suppliers, visible, state.stage)
        state.waiting[...] = np.where(state.waiting > 0, state.waiting - 1, state.waiting)


def _supply(enterprise: Enterprise) -> npt.NDArray[np.intp]:
    """Return which supplier of the company delivers at each place of each line, ``(n_lines, n_places)``."""
    places = enterprise.line.supplier_names
    rows = [[enterprise.supplier_of(i, place) for place in places] for i in range(len(enterprise.lines))]
    return np.array(rows, dtype=np.intp).reshape(len(rows), len(places))
