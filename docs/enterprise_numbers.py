"""Where the numbers of the enterprise ``components`` and its line are from: one row for each, or for each kind.

Places are those of the files, lists by name (an effect: by parameter and place); ``*`` stands for any one name. Values
are not here: ``enterprise_tables.py`` reads them. Ranges are what is plausible, not what a rule allows.
"""

from __future__ import annotations

from typing import Final

DEFINITION: Final = "definition"
ASSUMED: Final = "assumed"
SCALE: Final = "a scale of the reward, changes no decision"
ALONE: Final = "for the line used alone; the company sets its own"
REPLACED: Final = "replaced by what capabilities set"

ENTERPRISE: Final = (
    ("days", "–", DEFINITION + ": four weeks of five days"),
    ("periods_per_year", "–", DEFINITION + ": 52 weeks"),
    ("horizon", "–", DEFINITION + ": ten years"),
    ("lines/*/demand/poisson", "0.2..0.35", ASSUMED),
    ("lines/*/demand/negative_binomial/mean", "0.2..0.35", ASSUMED),
    ("lines/*/demand/negative_binomial/dispersion", "0.002..0.1", ASSUMED + ": rare and large orders"),
    ("lines/*/start/changeover", "0..0.4", ASSUMED),
    ("lines/*/start/quality", "0..0.4", ASSUMED),
    ("lines/*/start/maintenance", "0..0.4", ASSUMED),
    ("lines/*/times/hazard", "1..2", ASSUMED),
    ("suppliers/*/start", "0.1..0.7", ASSUMED + "; that suppliers differ much: MacDuffie & Helper 1997"),
    ("suppliers/*/price", "1.01..1.06 for a second source", ASSUMED),
    ("suppliers/*/alternative/cost", "2 to 15 % of a year's spend on the part", ASSUMED),
    (
        "suppliers/*/alternative/periods",
        "6 to 18 months",
        "Plastics News 2008: 24 to 36 weeks for the approval of a part alone, if all goes to plan",
    ),
    ("levers/*/low", "–", DEFINITION),
    ("levers/*/high", "–", ASSUMED + ": bounds of what may be decided"),
    ("levers/*/unit", "–", ASSUMED + ": size of a step"),
    (
        "capabilities/changeover/*/worst",
        "3..16",
        ASSUMED,
    ),
    (
        "capabilities/changeover/*/best",
        "75 to 97 % less",
        "Shingo 1985: a press from 4 hours to 3 minutes (seen second-hand); one project alone: 33 % less in Ferradas & "
        "Salonitis 2013, 45 % in Bidarra et al. 2018",
    ),
    ("capabilities/quality/defect/worst", "1..2", ASSUMED),
    (
        "capabilities/quality/defect/best",
        "40 to 90 % less",
        "Sterman, Repenning & Kofman 1997: to a tenth in a few years; Bloom et al. 2013: 43 % less in a first year",
    ),
    ("capabilities/quality/detect/worst", "0.3..0.7", ASSUMED),
    (
        "capabilities/quality/detect/best",
        "0.9..0.99",
        ASSUMED + "; that all can be inspected at the source: Shingo 1986",
    ),
    ("capabilities/maintenance/hazard/*", "50 to 95 % less", ASSUMED),
    ("capabilities/maintenance/repair_finish forming machining finishing/*", "0.05..0.5", ASSUMED),
    ("capabilities/maintenance/repair_finish assembly/*", "0.05..0.5", ASSUMED),
    (
        "capabilities/supplier/on_time/*",
        "0.4..0.99",
        ASSUMED + "; one effort gains 6 to 15 % (Handfield, summary of Krause & Handfield's studies)",
    ),
    ("capabilities/supplier/catch_up/*", "0.005..0.5", ASSUMED + ": late by a day to five weeks"),
    ("capabilities/disruption/job_finish/*", "0.6..1", ASSUMED + "; that there is a dip: Pil & MacDuffie 1996"),
    ("start_cards", "–", ASSUMED + ": traditional push with high buffers"),
    ("money/budget", "0.3 to 2 % of revenue a year", ASSUMED),
    ("money/rollout", "1000..20000", ASSUMED),
    ("money/overhead", "–", ASSUMED),
    ("money/fixed_assets", "–", ASSUMED),
    ("money/cash", "–", ASSUMED + "; decides nothing: below zero is borrowed"),
    ("money/reward_scale", "–", SCALE),
    (
        "shocks/outage/per_year",
        "0.01..0.1 for a supplier",
        "McKinsey 2020, seen second-hand: a disruption of a month or more every 3.7 years for a company",
    ),
    ("shocks/outage/periods", "1..3", ASSUMED),
    ("shocks/demand_shift/per_year", "0.2..0.5", ASSUMED),
    ("shocks/demand_shift/low", "0.6..0.9", ASSUMED),
    ("shocks/demand_shift/high", "1.1..1.4", ASSUMED),
    ("shocks/escape/*", "–", ASSUMED),
    (
        "shocks/budget_cut/per_year",
        "0.05..0.2",
        ASSUMED
        + "; leaders stay five years (Equilar 2017, seen second-hand), and that they leave is among the reasons why "
        "practices are dropped (Bloom et al. 2020)",
    ),
    ("shocks/budget_cut/periods", "6..26", ASSUMED),
    ("shocks/budget_cut/times", "0.1..0.6", ASSUMED),
    ("planning/review", "–", DEFINITION + ": a week"),
)
"""Place, plausible range, source."""

LINE: Final = (
    ("slots_per_step", "–", DEFINITION + ": hours of a day"),
    ("horizon", "–", ALONE),
    ("slots_per_year", "–", DEFINITION + ": hours of a year"),
    ("stages/*/process", "–", DEFINITION + ": an hour a container is the slot"),
    ("stages/*/setup", "–", REPLACED),
    ("stages/*/initial", "–", ASSUMED + "; two years of history pass over it"),
    ("stages/*/failure/law/geometric", "0.002..0.03", ASSUMED),
    ("stages/*/failure/repair/geometric", "–", REPLACED),
    ("stages/*/quality/defect", "0.005..0.05", ASSUMED),
    ("stages/*/quality/detect", "–", REPLACED),
    ("stages/*/quality/jidoka", "1..4", ASSUMED),
    ("items/*/initial", "–", ASSUMED + "; two years of history pass over it"),
    ("suppliers/*/lead_time", "8..80", ASSUMED),
    ("suppliers/*/on_time", "–", REPLACED),
    ("suppliers/*/catch_up", "–", REPLACED),
    ("demand/law/poisson", "–", ALONE),
    ("demand/shortage/limit", "20..200", ASSUMED),
    ("control/*/*", "–", ALONE),
    ("prices/wip", "3 to 6 % of worth a year", "EagleRock, for space and handling (seen second-hand)"),
    (
        "prices/finished_goods",
        "13 to 20 % of worth a year",
        "EagleRock and others: with capital, holding costs 20 to 30 % of worth a year (seen second-hand)",
    ),
    ("prices/items", "13 to 20 % of worth a year", "the same"),
    ("prices/backlog", "1..20", ASSUMED),
    ("prices/lost", "0..5000", ASSUMED),
    ("prices/repair", "500..5000", ASSUMED),
    ("prices/setup", "0..100", ASSUMED),
    ("prices/stop", "0..200", ASSUMED),
    ("prices/scrap", "0..200", ASSUMED),
    ("prices/returned", "1000..10000", ASSUMED),
    ("reward_scale", "–", ALONE),
    ("calendar/*", "–", DEFINITION + ": hours"),
    ("finance/price", "–", ASSUMED),
    (
        "finance/material/*",
        "45 to 65 % of the price",
        ASSUMED + "; 48 % on average at the hundred largest manufacturers of the US (Liker & Choi 2004)",
    ),
    ("finance/added/*", "–", ASSUMED),
    ("finance/customers_pay_after", "30..60", ASSUMED),
    ("finance/suppliers_paid_after", "30..60", ASSUMED),
    ("finance/capital_cost", "0.08..0.15", "EagleRock: 10 % (seen second-hand)"),
)
"""The same for configs/components_line.yaml."""
