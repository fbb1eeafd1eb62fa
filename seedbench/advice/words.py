"""An advice as sentences: the answer, what it is expected to win, and what must be known to judge it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from seedbench.advice.recipe_words import recipe_words
from seedbench.display.terminal import full_trials, half, joined
from seedbench.evaluation.words import few_replicates_words, left_out_words
from seedbench.metrics import CEILING_TRIALS, ROUNDING
from seedbench.strategy import DEVELOPED_IN, DEVELOPED_ON
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.advice.budgets import BudgetChoice
    from seedbench.advice.result import Advice, BestOfN, Candidate, Needed, Situation

#: From so many times more or fewer training examples on no table is called near: a round number, not a measured one.
_FAR = 5
#: From so many times on it is said how far those are that were taken: a round number, too.
_OFF = 2


def advice_words(advice: Advice) -> list[list[str]]:
    """The answer, in blocks of sentences: what comes before all else, the recipe, the budget, the strategy."""
    first = _situation_words(advice, advice.situation) if advice.situation else []
    first += [_nothing_words(advice)] if advice.wins_nothing else []
    first += [_luck_words(advice)] if advice.may_be_luck else []
    budget = [] if advice.budget_choice is None else [_budget_words(advice, advice.budget_choice)]
    return [block for block in (first, recipe_words(advice), budget, _strategy_words(advice)) if block]


def _situation_words(advice: Advice, situation: Situation) -> list[str]:
    """Which tables were chosen, why, how near they are, and what they leave open."""
    yours = [f"{situation.train_examples:,} training examples"] if situation.train_examples else []
    if situation.bias_correction is not None:
        yours.append(f"Adam {'with' if situation.bias_correction else 'without'} bias correction")
    tables = [
        f"{table.task} {table.recipe}" + (f" ({table.train_examples:,} examples)" if table.train_examples else "")
        for table in advice.tables
    ]
    models = joined(sorted({table.model for table in advice.tables}))
    near, off = situation.examples_factor or 1, situation.farthest_factor or 1
    said = [
        f"Nearest to {joined(yours)} among the recorded trials: {joined(tables)}. They are of {models}: how much "
        "another model, task or learning rate differs is unknown, and only trials of your own tell."
    ]
    if near >= _FAR:
        said.append(
            f"Nothing recorded is near: the nearest is off by a factor of {near:,.0f} in training "
            "examples. How many trials fail, and what choosing among them wins, change with that number, and how much "
            "over such a distance is unknown: what follows is a guess."
        )
    elif off >= _OFF:
        span = f"{off:.1f}" if f"{near:.1f}" == f"{off:.1f}" else f"{near:.1f} to {off:.1f}"
        said.append(
            f"In training examples they are off by a factor of {span}. How many trials fail, and what choosing among "
            "them wins, change with that number."
        )
    if situation.protocol_asked is not None:
        said.append(
            f"{situation.protocol_asked} takes test scores, and not every table here has them: all is scored on the "
            f"dev set, which also chose ({advice.protocol})."
        )
    return said


def _nothing_words(advice: Advice) -> str:
    """That one full trial is enough; where a strategy is told to be better, only that best-of-n wins nothing."""
    what, use = "Plain best-of-n", ""
    if _one_is_enough(advice):
        what, use = "Choosing among seeds", " Train one full trial."
    if (advice.to_win_detectable or 0) <= ROUNDING:
        return f"{what} wins nothing: the best of many full trials here scores what one does.{use}"
    return (
        f"{what} wins nothing here that is told from noise: the best of many full trials, up to 64, "
        f"scores {advice.to_win:+z.4f} above one{_between(advice.to_win_low, advice.to_win_high)}; a true difference "
        f"of {advice.to_win_detectable:.4f} would have been told four times in five.{use}"
    )


def _one_is_enough(advice: Advice) -> bool:
    return advice.wins_nothing and advice.advised is None


def _luck_words(advice: Advice) -> str:
    return (
        "Choosing among seeds may win nothing here: the best of many full trials, up to 64, scores "
        f"{advice.to_win:+z.4f} above one, on the dev set that chose it, and the luck of its examples alone could give "
        f"{advice.to_win_by_luck:+z.4f}. Only a test set tells, by which nothing was chosen."
    )


def _budget_words(advice: Advice, choice: BudgetChoice) -> str:
    trials = counted(advice.budget, "full trial")
    budget = "Budget, by estimates that are not told from noise" if _one_is_enough(advice) else "Budget"
    if not choice.reached:
        larger = "no larger one was looked at"
        if choice.largest < CEILING_TRIALS:
            larger = "these trials can be replayed with no larger one"
        return f"{budget}: {trials} or more. One more would still win {choice.min_gain:g} or more, and {larger}."
    ends = "" if choice.low is None else f" (95% interval: {choice.low} to {_or_more(choice)})"
    on = f"From there on, up to {choice.largest} full trials, one" if choice.largest > advice.budget else "One"
    return f"{budget}: {trials}{ends}. {on} more is expected to win less than {choice.min_gain:g}."


def _or_more(choice: BudgetChoice) -> str:
    return f"more than {choice.largest}" if choice.high is None else str(choice.high)


def _strategy_words(advice: Advice) -> list[str]:
    tables = "one trial table" if len(advice.compared) == 1 else f"{len(advice.compared)} trial tables"
    if len(advice.compared) < len(advice.tables):
        tables += " with signal"
    trials = "one full trial" if advice.budget == 1 else f"{advice.budget} full trials"
    if advice.advised is None:
        best = advice.distinct[0]
        sentences = [_best_of_n_words(advice, tables, trials), _promising_words(advice)]
        sentences += [_developed_words(advice, best)] if best.difference > 0 else []
    else:
        sentences = [_advised_words(advice, advice.advised, tables, trials), _compute_words(advice, advice.advised)]
        named = {one.name: one for one in (advice.distinct[0], advice.advised)}  # the first is said to be better still
        sentences += [_developed_words(advice, one) for one in named.values()]
    sentences.append(_gain_words(advice))
    if len(advice.tables) == 1:
        (table,) = advice.tables
        sentences.append(
            f"Plain best-of-n scores {score_words(table)} with {trials}, one full trial "
            f"{table.measured(table.floor):.4f}."
        )
        if table.needed is not None:
            sentences.append(f"It {needed_words(table.needed, table)}.")
    return [sentence for sentence in sentences if sentence]


def _developed_words(advice: Advice, candidate: Candidate) -> str:
    """On how many of an advice's tables a candidate was developed, as a sentence; "" where on none."""
    known = DEVELOPED_ON.get(candidate.name, ()) if advice.trials.name == DEVELOPED_IN else ()
    there = sum(f"{table.task}/{table.recipe}" in known for table in advice.compared)
    if not there:
        return ""
    of = "this table" if len(advice.compared) == 1 else f"{there} of these {counted(len(advice.compared), 'table')}"
    return f"{candidate.label} was developed on {of}, where its score flatters it."


def _gain_words(advice: Advice) -> str:
    """What following the advice is expected to win over one full trial."""
    best = advice.advised
    if best is None and (advice.budget == 1 or advice.wins_nothing):  # one full trial is what is advised
        return ""
    if best is None:
        gain = f"{advice.gain:+z.4f}{_between(advice.gain_low, advice.gain_high)}"
    else:
        gain = f"{best.gain:+z.4f}{_between(best.gain_low, best.gain_high)}"
    if advice.protocol != "dodge2020":
        return f"Expected on test examples: {gain} above one full trial."
    return (
        f"Expected on the dev set: {gain} above one full trial. The same examples chose, so part of that is their "
        "luck: on new ones expect less, and how much less these scores do not tell."
    )


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95% interval {low:+z.4f} to {high:+z.4f})"


def live_words(advice: Advice) -> list[str]:
    """The command that runs what is advised on trials that are trained meanwhile, in lines to copy."""
    name, budget = (advice.advised.label, advice.budget) if advice.advised else ("full_trials", advice.budget)
    if _one_is_enough(advice):
        budget = 1
    return [
        "Live, on a training that prints a JSON line at each of its K validation points:",
        f"  seedbench live {shlex.quote(name)} --budget {budget} \\",
        "    --checkpoints K --out DIR --train \\",
        "    'COMMAND {weight_init_seed} {data_order_seed} {folder}'",
    ]


def _advised_words(advice: Advice, best: Candidate, tables: str, trials: str) -> str:
    tried = len(advice.candidates)
    return (
        f"With a budget of {trials}, use {best.label}: on {tables} it is {best.difference:.4f} better than "
        f"plain best-of-n (95% interval {best.difference_low:+z.4f} to {best.difference_high:+z.4f}), told from it at "
        f"95%{'' if tried == 1 else f' also for {tried} settings together'}."
    )


def _compute_words(advice: Advice, best: Candidate) -> str:
    sentences = []
    if best.compute_multiplier is not None:
        needed = f"{_needed_by(best, advice.budget)} full trials for that ({_span_of(best, advice.budget)})"
        sentences.append(f"Plain best-of-n needs {needed}.")
    first = advice.distinct[0]
    if first != best:
        more = first.difference - best.difference
        sentences.append(f"{first.label} was {more:.4f} better still, but cannot be told from best-of-n.")
    others = sum(candidate.verdict == "better" for candidate in advice.distinct) - 1
    if others:
        sentences.append(f"{others} other setting{'s are' if others > 1 else ' is'} better than best-of-n, too.")
    return " ".join(sentences)


def _best_of_n_words(advice: Advice, tables: str, trials: str) -> str:
    tried = len(advice.candidates)
    none = "the one other setting cannot" if tried == 1 else f"none of {tried} other settings can"
    if advice.wins_nothing and advice.budget > 1:
        return (
            f"With a budget of {trials}, plain best-of-n is not told to be better than one full trial on {tables}, and "
            f"{none} be told to do better than plain best-of-n."
        )
    return (
        f"With a budget of {trials}, train {'it' if advice.budget == 1 else 'them all'} to the end and keep the best "
        f"checkpoint, which is plain best-of-n: on {tables} {none} be told to do better."
    )


def _promising_words(advice: Advice) -> str:
    """What is left open, where no setting can be told to be better."""
    best = advice.distinct[0]
    if best.difference_low is None or best.difference_high is None:
        return "Too few seeds in one of these tables say nothing about others, so there are no intervals."
    tried = len(advice.candidates)
    # On few replicates another one may have scored higher than those that were followed do on all.
    followed = max(one.difference for one in advice.distinct) == best.difference
    if best.difference <= 0:
        none = f"None of {'them' if followed else 'those that were followed'} scored better."
        return "It did not score better." if tried == 1 else none
    scored = f"{best.difference:+z.4f}{_for_which(best, advice.budget)}"
    told = f"a true difference of {best.difference_detectable:.4f} would have been told from 0 four times in five"
    if tried == 1:
        return f"{best.label} scored {scored}. But that may be luck; {told}."
    return (
        f"{best.label} scored best{'' if followed else ' of those that were followed'}: {scored}. But the best of "
        f"{tried} may be that by luck; {told}, had it been the only one."
    )


def _for_which(best: Candidate, budget: int) -> str:
    if best.compute_multiplier is None:
        return ""
    return f", for which best-of-n needs {_needed_by(best, budget)} full trials ({_span_of(best, budget)})"


def _needed_by(candidate: Candidate, budget: int) -> str:
    """The full trials that best-of-n needs for a candidate's score, in words."""
    needed = full_trials((candidate.compute_multiplier or 0) * budget, None)
    return {"<": f"no more than {needed}", ">": f"at least {needed}"}.get(
        candidate.compute_multiplier_bound or "", needed
    )


def _span_of(candidate: Candidate, budget: int) -> str:
    """The interval of those full trials."""
    low, high = candidate.compute_multiplier_low, candidate.compute_multiplier_high
    return _span(None if low is None else low * budget, None if high is None else high * budget)


def _span(low: float | None, high: float | None) -> str:
    """An interval of full trials, in words; an end that the recorded trials do not reach is open."""
    if high is None:
        if low is None:
            return "the 95% interval is open at both ends"
        return f"95% interval from {full_trials(low, None)} on, its upper end beyond the recorded trials"
    if low is None:
        return f"95% interval up to {full_trials(high, None)}, its lower end below one full trial"
    return f"95% interval {full_trials(low, None)} to {full_trials(high, None)}"


def needed_words(needed: Needed, table: BestOfN) -> str:
    """How many full trials best-of-n needs for a score, as the end of a sentence."""
    score = f"{table.measured(needed.score):.4f}"
    if needed.bound == "<":
        return f"needs no more than one full trial for {score}"
    if needed.bound == ">":
        return f"is not expected to reach {score} with as many trials as a pool of the {table.trials} recorded has"
    return f"needs {full_trials(needed.full_trials, None)} full trials for {score} ({_span(needed.low, needed.high)})"


def score_words(table: BestOfN) -> str:
    return f"{table.measured(table.score):.4f}{half(table.score, table.score_high, 1, '.4f')}"


def notes(advice: Advice) -> list[str]:
    """What must be known to judge the answer."""
    worse = [candidate.label for candidate in advice.distinct if candidate.verdict == "worse"]
    notes = [f"Worse than best-of-n: {joined(worse)}."] if worse else []
    silent = sorted({f"{table.task} {table.recipe}" for table in advice.tables if table.no_signal})
    if silent:
        notes.append(f"No signal in {joined(silent)}: choosing wins nothing there, or less than two standard errors.")
    few = sorted({f"{table.task} {table.recipe}" for table in advice.tables if table.no_interval})
    if few:
        notes.append(f"In {joined(few)} there are too few seeds to say anything about others: no intervals.")
    if left := [candidate for candidate in advice.distinct if candidate.verdict == "not followed"]:
        followed = counted(len(advice.distinct) - len(left), "other")
        notes.append(
            f"Without ±: left after {left[0].replicates} replicates, on which {followed} did better; the number is as "
            "rough as that. It counts among what holds together nevertheless."
        )
    return [*notes, *few_replicates_words(advice.replicates), *left_out_words(advice.left_out)]
