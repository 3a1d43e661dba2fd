"""Which rule an operator has, by its domain and name."""

from convcli.networks.models.onnx.call import Rule
from convcli.networks.models.onnx.operators import (
    constants,
    convolutions,
    elementwise,
    normalizations,
    products,
    recurrent,
    reductions,
    resampling,
    sequences,
    views,
)

__all__ = ["COSTLY", "find_rule"]

_RULES: dict[str, Rule] = {
    **constants.RULES,
    **convolutions.RULES,
    **elementwise.RULES,
    **normalizations.RULES,
    **products.RULES,
    **recurrent.RULES,
    **reductions.RULES,
    **resampling.RULES,
    **sequences.RULES,
    **views.RULES,
}
# Those with multiply-accumulates: where their sizes are not known, they are not counted.
COSTLY = {*convolutions.RULES, *products.RULES, *recurrent.RULES, *recurrent.MICROSOFT_RULES} - {
    name for name in convolutions.RULES if "Pool" in name
}


def find_rule(domain: str, operator: str) -> Rule | None:
    """Return the rule of an operator, or None for one that is not known."""
    if domain == "com.microsoft" and operator in recurrent.MICROSOFT_RULES:
        return recurrent.MICROSOFT_RULES[operator]
    return _RULES.get(operator) if domain in ("", "com.microsoft", "com.ms.internal.nhwc") else None
