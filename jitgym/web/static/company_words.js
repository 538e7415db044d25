/** What things of a company are called, and in a sentence what they mean. */

/** Capabilities of a line in the order of its audits, and the lever that raises each. */
export const CAPABILITIES = [
  ["changeover", "changeover", "Quick changeover: shorter setups, and with them smaller lots and fewer cards."],
  ["quality", "quality", "Quality at the source: fewer defects, and found where they are made."],
  ["maintenance", "maintenance", "Fewer and shorter breakdowns."],
  ["training", "people", "Training and kaizen: readiness for pull, and its discipline."],
  [null, "discipline", "Discipline of pull: without it, containers beside the cards go round. Trained people hold it."],
];

/** Results at the end, as they are called. */
export const LABELS = {
  economic_profit: "economic profit", value: "value of all years", released: "working capital released", cash_conversion_days: "cash conversion",
  turns: "stock turns", gross_margin: "gross margin", return_on_assets: "return on assets", fill_rate: "fill rate", lost: "orders lost",
  investment: "spent on improvement", stages: "stages under pull", held: "release held two years on",
};

/** What stands beside the results, and how it is worked out. */
export const BESIDE = [
  ["stock, last year, %", "worth of the stock in the last year / at the start"],
  ["payback, months", "until economic profit so far was above that of the rule that it is held against, for good"],
];

/** Return the unit of a result as it is shown. */
export function unitOf(name, unit) {
  return name === "return_on_assets" ? "% a year" : unit === "share" ? "%" : unit.replace("per year", "a year");
}

/** Words of the page that a beginner may not know, each in a sentence or two. */
export const WORDS = [
  ["push and pull", "Under push a stage makes what the plan says, wanted next door or not. Under pull it makes only what the next stage has used up: cards that come back tell it so."],
  ["pilot", "The order that begins pull on a line: its last stage, the one next to the customer, goes first."],
  ["next", "The order that puts one more stage under pull, the one before those that are."],
  ["hold", "The order to leave the stages as they are."],
  ["back", "The order that puts all stages of a line back to push."],
  ["safety cards", "Cards beyond those that demand and lead time ask for, of each product: the buffer of stages under pull. They cost nothing but the stock that they let in."],
  ["safety stock under push", "On a line under push the same number is what the plan holds in reserve, in units of each product."],
  ["discipline", "How well the rules of pull are kept. Where it goes, containers without cards go round and the stock comes back, though nobody decided it. Trained people hold it."],
  ["visibility", "How much of what goes wrong is seen, because a machine or a stage under pull stands for it. Much stock hides it."],
  ["kaizen", "What people improve by themselves, without other money: the faster the better they are trained and the more they see."],
  ["capability", "How good a line or supplier is at something, from 0 to 1. It grows with money and kaizen, and what was gained fades without upkeep. Nobody sees it; audits estimate it."],
  ["audit", "A look from outside at a capability. It errs: the band about the point is as wide as it errs as a rule."],
  ["ADI", "Average demand interval: days for each day with demand. 1 is demand every day; below 1.32 counts as often."],
  ["CV²", "Squared coefficient of variation of what is wanted on the days with demand; below 0.49 counts as even. Often and even is smooth, which suits pull; often but uneven is erratic, rare but even intermittent, neither of the two lumpy."],
  ["takt", "Working time over demand: how often customers want a unit. A flow of 200 takts means that a unit takes as long as 200 are wanted."],
  ["OEE", "Overall equipment effectiveness: the share of machine time in which good units were made at full speed."],
  ["fill rate", "The share of demand that was shipped from stock at once."],
  ["working capital", "Stock, and what customers owe, less what suppliers wait for: money that is tied up."],
  ["economic profit", "Profit, less the charge for the working capital that is tied up."],
  ["cash conversion", "Days from paying for material until customers have paid for what was made of it."],
  ["release held two years on", "Of the working capital set free by the time of the last investment, the share that is still free two years later: whether it lasts."],
];
