"""Settings of a world: every key of `baseline.toml`, with its type and limits.

Unit, meaning and source of each stand beside its value, in `baseline.toml`.
"""

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from features.settings import Settings

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
PerForm = tuple[float, float, float]
PerArea = tuple[float, float, float]
PerLender = tuple[float, float, float, float]


class CalendarConfig(Settings):
    """When firms apply and for how long they are watched."""

    first_application: dt.date
    quarters: Annotated[int, Field(ge=1)]
    history_days: Annotated[int, Field(ge=90)]
    outcome_days: Annotated[int, Field(ge=365)]
    season_share: Share
    season_days: int


class PopulationConfig(Settings):
    """Who the applicants are."""

    individual_share: Share
    micro_share: Share
    small_share: Share
    urban_share: Share
    county_share: Share
    rural_share: Share
    first_time_share: Share
    sales_median_cny: PerForm
    sales_sd: Positive
    age_mean_years: Positive
    age_shape: Positive
    owner_age_mean: PerArea
    owner_age_sd: PerArea
    chain_share: Share
    core_firms: Annotated[int, Field(ge=1)]


class HealthConfig(Settings):
    """What moves a firm's orders."""

    own_sd: Positive
    own_days: Positive
    own_spread: Positive
    accidents_per_year: Positive
    accident_size: Positive
    accident_days: Positive
    macro_sd: Positive
    macro_days: Positive
    cycle_days: Positive
    core_sd: Positive
    core_days: Positive
    flood_probability: Share
    flood_size: Positive
    flood_days: Positive
    growth_per_year: float


class EventsConfig(Settings):
    """What a scenario lets happen for certain."""

    start: dt.date
    days: Positive
    macro_drop: Annotated[float, Field(ge=0)]
    cycle_drops: dict[str, Annotated[float, Field(ge=0)]]
    flooded_cities: tuple[str, ...]


class CashConfig(Settings):
    """How orders become cash, and cash a default."""

    reversion_months: Positive
    leverage: Positive
    noise_sd: Positive
    noise_spread: Positive
    buffer_mean: float
    buffer_hidden_sd: Positive
    buffer_quality: float
    buffer_age: float
    buffer_form: PerForm
    buffer_area: PerArea
    accident_cash: Positive
    floor: float


class TruePdConfig(Settings):
    """Numerical settings of true PD."""

    points: Annotated[int, Field(ge=16)]
    groups: Annotated[int, Field(ge=1)]


class WorkConfig(Settings):
    """Rest days, holidays, idle spells, unevenness of orders."""

    lump_sd: Positive
    sunday_rest: Share
    saturday_rest: Share
    spring_spread: Positive
    spring_open: Share
    return_days: Positive
    holiday_rest: Share
    idle_per_year: Positive
    idle_spread: Positive
    idle_days: Positive
    season_sd: Positive
    spring_scale: Positive
    steady_spring: float
    steady_open: Share
    steady_idle: float
    weekend_sd: Positive
    rest_open: tuple[Positive, Positive]


class ElectricityConfig(Settings):
    """The meter and the bill."""

    tariff_cny: tuple[float, float, float]
    standby_share: Share
    switched_off: Share
    follow: Positive
    heating_share: Positive
    wander_sd: Positive
    wander_spread: Positive
    wander_days: Positive
    wander_days_spread: Positive
    steps_per_year: Positive
    step_size: Positive
    noise_sd: Positive
    noise_spread: Positive
    wild_share: Share
    wild_factor: Positive
    moved_share: Share
    cut_share: Share
    standby_spread: Positive
    steady_standby: float
    steady_follow: float
    steady_days: float
    steady_batch: float
    steady_noise: float
    standby_sd: Positive
    meter_sd: Positive
    meter_spread: Positive
    follow_sd: Positive
    cooling_scale: Positive
    weather_shape: Positive
    batch_off: Share
    batch_spread: Positive
    batch_days: Positive
    batch_lean: float
    batch_left: tuple[Positive, Positive]
    capacity: Positive
    capacity_spread: Positive
    hardness: Positive
    prepaid: PerArea
    bill_lag_days: int
    due_days: int


class TaxConfig(Settings):
    """Rates of VAT and what is declared."""

    honest_share: Share
    small_scale_rate: Share
    general_share: PerForm
    supplier_rates: tuple[Share, Share, Share, Share]
    supplier_shares: tuple[Share, Share, Share, Share]


class InvoiceConfig(Settings):
    """How one direction is invoiced."""

    ticket_scale: Positive
    ticket_sd: Positive
    spread: Positive
    skew: Annotated[float, Field(ge=-1, le=1)]
    skew_sd: Positive
    spread_sd: Positive
    tilt: float
    tilt_sd: Positive
    clump: Positive
    concentration_sd: Positive
    clump_sd: Positive
    month_spread: Positive
    partners_sd: Positive
    lot: Positive
    lot_sd: Positive
    weekend: Positive
    weekend_shape: Positive
    month_sd: Positive
    partners: Positive
    concentration: Positive
    one_off: tuple[Positive, Positive]
    churn: Positive
    usual_price: tuple[Positive, Positive]
    round_1: tuple[Positive, Positive]
    round_100: tuple[Positive, Positive]
    limit_shares: tuple[Share, Share, Share]
    void_rate: Share
    red_rate: Share


class LogisticsConfig(Settings):
    """Parcels."""

    late_rate: Share
    weight_kg: Positive


class EcommerceConfig(Settings):
    """Online shops."""

    rural_growth_per_year: float
    conversion: Share
    ticket_cny: Positive
    refund_rate: Share
    review_rate: Share
    bad_rate: Share
    repeat_rate: Share


class CoverageConfig(Settings):
    """Which sources report on whom."""

    tax_complete: Share
    tax_partial: Share
    online: Share
    logistics: Share
    online_scale: Share
    area_lift: PerArea
    digital_loading: Share


class FaultsConfig(Settings):
    """Faults of the data systems."""

    gaps_per_year: Positive
    late_per_year: Positive
    estimates_per_year: Positive
    swaps_per_year: Positive
    run_days: Annotated[float, Field(ge=1)]
    longest_delay_days: Annotated[int, Field(ge=2)]
    late_invoices: Share


class FraudConfig(Settings):
    """Bad actors."""

    shell_share: Share
    inflation_share: Share
    brushing_share: Share
    intent: tuple[Share, Share, Share]


class CreditConfig(Settings):
    """Applications and the lenders of the past."""

    amount_scale_cny: Positive
    amount_elasticity: Positive
    amount_sd: Positive
    amount_by_lender: PerLender
    purpose_weights: tuple[Share, Share, Share, Share, Share]
    terms: tuple[Share, Share, Share]
    online_channel: Share
    online_old: Share
    lender_weights: PerLender
    lender_tilt: PerLender
    policy_insight: PerLender
    policy_noise: PerLender
    policy_cutoffs_first: PerLender
    policy_cutoffs_repeat: PerLender
    village_insight: float
    guarantor_share: Share
    guarantee_months: Positive
    rate_pct: PerLender
    rate_slope: float
    late_consent: Share
    disbursal_days: Positive


class Trade(Settings):
    """What one trade does and needs."""

    share: PerArea
    digital: Share
    digital_reported: bool
    season: Annotated[tuple[float, ...], Field(min_length=12, max_length=12)]
    volatility: Positive
    buffer: float
    kwh_per_kcny: Positive
    machines: Positive
    parcels_per_kcny: Positive
    invoiced: Share
    ticket_cny: Positive
    vat: Share
    online: Share
    weekend: tuple[float, float]
    spring: int
    cycle_sd: Positive
    weather: Annotated[float, Field(ge=0)]
    bands: tuple[float, float, float]
    cooling: float
    margin: Share
    kcny_per_employee: Positive
    cities: tuple[str, ...]


class WorldConfig(Settings):
    """Every setting of a world."""

    calendar: CalendarConfig
    population: PopulationConfig
    health: HealthConfig
    events: EventsConfig
    cash: CashConfig
    work: WorkConfig
    true_pd: TruePdConfig
    electricity: ElectricityConfig
    tax: TaxConfig
    sales: InvoiceConfig
    purchases: InvoiceConfig
    logistics: LogisticsConfig
    ecommerce: EcommerceConfig
    coverage: CoverageConfig
    faults: FaultsConfig
    fraud: FraudConfig
    credit: CreditConfig
    trades: dict[str, Trade]

    @property
    def trade_names(self) -> tuple[str, ...]:
        """Trades in file order, the order of trade codes."""
        return tuple(self.trades)

    def per_trade(self, setting: str) -> list[Any]:
        """One setting of every trade, in the order of trade codes."""
        return [getattr(trade, setting) for trade in self.trades.values()]
