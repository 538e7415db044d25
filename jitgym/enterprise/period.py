"""A planning period: what companies decided becomes money spent, parameters, a plan, days, books and growth."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.batch import Parameters, demand_levels
from jitgym.enterprise.capability import Abilities, Growth
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.levers import BACK, NEXT, PILOT, LeverTable
from jitgym.enterprise.money import COIN, Account, Bookkeeper, coins
from jitgym.enterprise.parts import INVESTED, MONEY
from jitgym.enterprise.planning import Plan, Planner
from jitgym.enterprise.review import MEASURES, Review
from jitgym.enterprise.shocks import Fate, Trouble
from jitgym.enterprise.state import NEVER, Period, Records, State
from jitgym.ledger import Ledger
from jitgym.simulator import Simulator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HISTORY_YEARS = 2
"""Years before the first decision: long enough for stocks to settle."""


class Operation:
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
        self._supply = enterprise.supply

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
        demand = np.stack([day["demand"].reshape(self._n_lines, -1) for day in days])
        promised, on_time = (
            np.stack(
                [np.bincount(self._supply.ravel(), day[field].ravel(), len(self._enterprise.suppliers)) for day in days]
            )
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
