"""Who applies: firms in need of cash, firms that grow, hardly any that are insolvent or closed.

Only few closed firms still apply, before anybody knows. Of the open firms

    P(apply) = min(1, exp(gap · missing cash + growth · health) / most) · (half, if short today),

so need decides who applies and, because need moves with cash and season, when.
"""

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State
from synthetic.firm.closure import Closure
from synthetic.firm.horizon import HISTORY
from synthetic.streams import Bucket


def apply_probability(state: State, closure: Closure, config: WorldConfig) -> FloatArray:
    """Probability that each firm applies, equation above."""
    d = config.demand
    now = state.cash[:, HISTORY]
    missing = np.clip(state.cash_buffer.usual - now, *d.gap_limits)
    growth = np.clip(state.health.total[:, HISTORY], *d.growth_limits)
    need = d.gap * missing + d.growth * growth
    chance = np.minimum(np.exp(need - d.usual_need), 1.0)
    chance *= np.where(now < 0, d.short_share, 1.0)
    unnoticed = closure.days <= d.unnoticed_days
    return np.where(closure.closed, d.closed_share * unnoticed, chance)


def applies(state: State, closure: Closure, bucket: Bucket) -> Array:
    """Draw who applies, shape (n_firms,)."""
    drawn = bucket.stream("demand.apply").random(len(state.cash))
    return np.asarray(drawn < apply_probability(state, closure, bucket.config))
