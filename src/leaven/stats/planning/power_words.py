"""What a design can find, said in plain words: one number per seed SD that was tried, in one order throughout."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.stats.planning.power import ITEM_SDS, SHARE, Power, counted

_NONE = "–"


def sentences(power: Power) -> list[str]:
    """Return what the design can find in plain words, the most important first."""
    said = [_finds(power), _rises(power), _margin(power)]
    if power.smallest_p is not None:
        said.append(f"Smallest p of the trend: {power.smallest_p:.2g}.")
    if power.note:
        said.append(f"{power.note[:1].upper()}{power.note[1:]}.")
    return [one for one in said if one]


def _finds(power: Power) -> str:
    design = f"{power.suite}/{power.metric}: {_design(power)}"
    if all(at.effect is None for at in power.at):
        return f"{design} cannot find a difference of any size."
    at = ""
    if power.n_seeds:
        at = f" at a seed SD of {_listed([f'{one.seed_sd:.2g}' for one in power.at])} item SEs"
    sizes = _sizes([one.effect for one in power.at], power.unit)
    return f"{design} find a difference of {sizes}{at} ({100 * power.power:.0f} % power; {power.spread})."


def _rises(power: Power) -> str | None:
    rises = [at.rise for at in power.at]
    if all(rise is None for rise in rises):
        return None
    return f"An even rise over the {power.n_doses} doses is found from {_sizes(rises, power.unit)} on."


def _margin(power: Power) -> str | None:
    """Say what "no change" within the margin needs; nothing without a margin that could be held against."""
    if power.margin is None or power.unit == ITEM_SDS:
        return None
    claim = f"'No change within {_size(power.margin, power.unit)}'"
    items, seeds = [at.items_needed for at in power.at], [at.seeds_needed for at in power.at]
    if all(at.equivalence is not None and at.equivalence <= power.margin for at in power.at):
        return f"{claim} can be shown with this design."
    ways = []
    if any(items):
        ways.append(f"{_numbers(items)} items {_runs(power)}")
    if any(seeds):
        ways.append(f"{_numbers(seeds)} seeds at {counted(power.n_items, 'item')}")
    gloss = (
        f" ({_NONE}: no number is enough)"
        if ways and None in [*(items if any(items) else []), *(seeds if any(seeds) else [])]
        else ""
    )
    return f"{claim} needs {', or '.join(ways)}{gloss}." if ways else f"{claim} cannot be shown."


def _design(power: Power) -> str:
    items = counted(power.n_items, "item")
    return f"{items} and {counted(power.n_seeds, 'seed')}" if power.n_seeds else f"{items} without training"


def _runs(power: Power) -> str:
    return f"at {counted(power.n_seeds, 'seed')}" if power.n_seeds else "without training"


def _numbers(counts: Sequence[int | None]) -> str:
    return _listed([_NONE if count is None else f"{count:,}" for count in counts])


def _sizes(effects: Sequence[float | None], unit: str) -> str:
    return f"{_listed([_bare(effect, unit) for effect in effects])}{_noun(unit)}"


def _size(effect: float, unit: str) -> str:
    return f"{_bare(effect, unit)}{_noun(unit)}"


def _bare(effect: float | None, unit: str) -> str:
    return "none" if effect is None else f"{100 * effect if unit == SHARE else effect:.3g}"


def _noun(unit: str) -> str:
    return {SHARE: " points", "score": ""}.get(unit, f" {unit}")


def _listed(words: Sequence[str]) -> str:
    """Return equal words once, else all of them in the order of the seed SDs."""
    return words[0] if len(set(words)) == 1 else " / ".join(words)
