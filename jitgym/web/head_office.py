"""The head office: companies that can be run, the tenures under way, and how all students stand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from pydantic import Field

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import enterprise_files, load_enterprise
from jitgym.enterprise.levers import ORDERS
from jitgym.enterprise.parts import MONEY
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import RESULTS
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.files import nearest
from jitgym.web import rivals
from jitgym.web.case import Case, TakenOver, load_case
from jitgym.web.chronicle import consultants_report
from jitgym.web.looks import MEASURE_LABELS
from jitgym.web.plays import Scripted
from jitgym.web.rivals import Offer, Rival
from jitgym.web.sent import Sent, read_sent
from jitgym.web.tenure import Tenure

MOST_TENURES: Final = 100
"""Tenures that are kept; then the one that has been left alone longest makes room."""
MOST_RACES: Final = 24
"""Lucks whose rivals are kept."""


class CompanyWanted(Sent):
    """A company, from its start to its end."""

    company: str
    seed: int | None = Field(default=None, ge=0, lt=2**53)
    player: str = Field(default="", max_length=40)


class TaskWanted(Sent):
    """A part of the case."""

    part: int = Field(ge=0)
    seed: int | None = Field(default=None, ge=0, lt=2**53)
    player: str = Field(default="", max_length=40)


class HeadOffice:
    """Companies that students run.

    Args:
        offers: companies; None: those that come with the package.
        seed: the luck of every tenure that asks for none of its own: the same for every student of a class.
    """

    def __init__(self, offers: Iterable[Offer] | None = None, seed: int = 0) -> None:
        if offers is None:
            offers = [Offer.of(load_enterprise(name)) for name in enterprise_files()]
        self.offers = {offer.enterprise.name: offer for offer in offers}
        self._seed = seed
        self._templates: dict[str, Companies] = {}
        self._races: OrderedDict[tuple[str, str, int], rivals.Race] = OrderedDict()
        self._tenures: dict[str, Tenure] = {}
        self._lock = threading.RLock()

    def catalogue(self) -> list[dict[str, Any]]:
        """Return the companies that are offered."""
        return [
            {
                "name": name,
                "description": offer.enterprise.description,
                "lines": list(offer.enterprise.line_names),
                "suppliers": list(offer.enterprise.supplier_names),
                "periods": offer.enterprise.horizon,
                "per_year": offer.enterprise.periods_per_year,
                "rivals": [{"name": rival, "does": offer.does(rival)} for rival in offer.names],
            }
            for name, offer in self.offers.items()
        ]

    # -- tenures --

    def begin(self, sent: Any) -> Tenure:
        """Begin a tenure that a page asks for.

        Raises:
            InputError: it asks for what there is not.
        """
        wanted: TaskWanted | CompanyWanted
        if isinstance(sent, dict) and "part" in sent:
            wanted = read_sent(TaskWanted, sent)
            tenure = self._of_task(wanted)
        else:
            wanted = read_sent(CompanyWanted, sent)
            tenure = self._of_company(wanted)
        tenure.player = wanted.player.strip()
        with self._lock:
            while len(self._tenures) >= MOST_TENURES:
                oldest = min(self._tenures, key=lambda key: self._tenures[key].touched)
                del self._tenures[oldest]
            self._tenures[tenure.key] = tenure
        return tenure

    def tenure(self, key: str) -> Tenure | None:
        """Return a tenure that is under way."""
        with self._lock:
            return self._tenures.get(key)

    def board(self) -> list[dict[str, Any]]:
        """Return how all who have begun stand: what is the same game under the same luck together, the best first."""
        with self._lock:
            tenures = list(self._tenures.values())
        standing = [tenure.standing() for tenure in tenures if tenure.period > tenure.taken_over]
        return sorted(standing, key=lambda one: (one["title"], int(one["seed"]), -(one["profit"] or 0.0)))

    def _of_company(self, wanted: CompanyWanted) -> Tenure:
        offer = self._offer(wanted.company)
        seed = self._seed if wanted.seed is None else wanted.seed
        return self._tenure(offer, offer.enterprise.name, seed, offer.enterprise.horizon, offer.names)

    def _of_task(self, wanted: TaskWanted) -> Tenure:
        case = load_case()
        if wanted.part >= len(case.parts):
            raise InputError(f"part must be in 0..{len(case.parts) - 1}, got {wanted.part}")
        part = case.parts[wanted.part]
        enterprise = load_enterprise(case.company)
        # what answers claim is claimed of the company that comes with the package, and of rules as they are there
        offer = Offer(enterprise, agents=self.offers[case.company].agents if case.company in self.offers else {})
        seed = case.luck + self._seed if wanted.seed is None else wanted.seed
        names = part.rivals or offer.names  # a task that names who runs beside is about these
        title = f"{case.title}: {part.title}"
        return self._tenure(offer, title, seed, part.periods, names, part.taken_over, case)

    @staticmethod
    def _predecessor(offer: Offer, case: Case, name: str) -> Callable[[Companies], Policy]:
        play = case.plays.get(name)
        if play is not None:
            return lambda companies: Scripted(companies, play)
        return lambda companies: offer.policy(name, companies)

    def _tenure(
        self,
        offer: Offer,
        title: str,
        seed: int,
        end: int,
        names: tuple[str, ...],
        before: TakenOver | None = None,
        case: Case | None = None,
    ) -> Tenure:
        def described() -> dict[str, Any]:
            beside = [{"name": name, "does": offer.does(name)} for name in names]
            return {**self._described(offer), "rivals": beside, "predecessor": before.who if before else None}

        def beside(luck: int) -> list[Rival]:
            return self._race(offer, luck).enter(names)

        def start(luck: int) -> Companies:
            return self._start(offer, luck)

        if before is None or case is None:
            return Tenure(title, start, beside, seed, end, described=described)
        predecessor = self._predecessor(offer, case, before.who)
        return Tenure(title, start, beside, seed, end, predecessor, before.periods, before.yours, described)

    def _offer(self, name: str) -> Offer:
        if name not in self.offers:
            raise InputError(f"company must be one that is offered, got {name!r}{nearest(name, self.offers)}")
        return self.offers[name]

    def _template(self, offer: Offer) -> Companies:
        """Return one company at its start, made once: its two years of history take a while."""
        key = offer.enterprise.hash
        with self._lock:
            if key not in self._templates:
                self._templates[key] = Companies(offer.enterprise, 1)
            return self._templates[key]

    def _start(self, offer: Offer, seed: int) -> Companies:
        """Return a company of its own at its start, under the luck of a seed."""
        with self._lock:
            companies = self._template(offer).copy()
        companies.reset(np.array([seed], dtype=np.uint64))
        return companies

    def _race(self, offer: Offer, seed: int) -> rivals.Race:
        """Return who runs beside all students with a luck."""
        key = offer.enterprise.hash, repr(offer.numbers), seed
        with self._lock:
            if key not in self._races:
                self._races[key] = rivals.Race(offer, self._start(offer, seed))
                while len(self._races) > MOST_RACES:
                    self._races.popitem(last=False)
            self._races.move_to_end(key)
            return self._races[key]

    # -- what a page is told --

    def _described(self, offer: Offer) -> dict[str, Any]:
        """Return what a page needs to draw a company."""
        enterprise, companies = offer.enterprise, self._template(offer)
        capital = enterprise.line.finance
        assert capital is not None  # an enterprise has books: it is validated
        return {
            "company": enterprise.name,
            "description": enterprise.description,
            "per_year": enterprise.periods_per_year,
            "days": enterprise.days,
            "lines": list(enterprise.line_names),
            "stages": list(enterprise.line.stage_names),
            "suppliers": [
                {
                    "name": supplier.name,
                    "delivers": enterprise.line.suppliers[enterprise.line.supplier_names.index(supplier.delivers)].item,
                    "price": supplier.price,
                    "alternative": None
                    if supplier.alternative is None
                    else {"cost": supplier.alternative.cost, "periods": supplier.alternative.periods},
                }
                for supplier in enterprise.suppliers
            ],
            "levers": [
                {
                    "name": lever.name,
                    "kind": lever.kind,
                    "place": lever.place,
                    "low": lever.low,
                    "high": lever.high,
                    "unit": lever.unit,
                    "money": lever.kind in MONEY,
                }
                for lever in companies.levers.levers
            ],
            "orders": ORDERS,
            "budget": enterprise.money.budget,
            "cut_to": enterprise.shocks.budget_cut.times,
            "rollout": enterprise.money.rollout,
            "capital_cost": capital.capital_cost,
            "measures": [
                {"name": name, "formula": MEASURES[name][2], "step": MEASURES[name][1], **MEASURE_LABELS[name]}
                for name in MEASURES
            ],
            "results": [{"name": name, "unit": unit, "formula": formula} for name, (unit, formula) in RESULTS.items()],
            "audit": enterprise.dynamics.audit,
            "report": consultants_report(companies),
        }

    @staticmethod
    def case() -> dict[str, Any]:
        """Return the text of the case."""
        case = load_case()
        parts = [
            {
                **part.model_dump(mode="json", include={"title", "text", "periods", "watch", "questions"}),
                "taken_over": None if part.taken_over is None else part.taken_over.model_dump(),
            }
            for part in case.parts
        ]
        return {
            "company": case.company, "title": case.title, "minutes": case.minutes, "teaches": case.teaches,
            "parts": parts,
        }  # fmt: skip
