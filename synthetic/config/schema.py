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
PerLenderShare = tuple[Share, Share, Share, Share]
Count = Annotated[int, Field(ge=1)]
Limits = tuple[float, float]
"""Least and greatest value."""
TermShares = tuple[Share, Share, Share]
"""Share of the terms of 3, 6 and 12 months."""
PerPlan = tuple[Share, Share, Share, Share, Share]
DayRange = tuple[int, int]
"""First and last, whole numbers."""

DAYS_A_YEAR = 365.25


class CalendarConfig(Settings):
    """Calendar: application period, history and observation period."""

    first_application: dt.date
    quarters: Annotated[int, Field(ge=1)]
    history_days: Annotated[int, Field(ge=90)]
    outcome_days: Annotated[int, Field(ge=365)]
    follow_days: Annotated[int, Field(ge=0, le=365)]
    season_share: Share
    season_days: int


class PopulationConfig(Settings):
    """Population of applicants."""

    individual_share: Share
    micro_share: Share
    small_share: Share
    urban_share: Share
    county_share: Share
    rural_share: Share
    first_time_share: Share
    sales_median_cny: PerForm
    sales_sd: Positive
    sales_limits_cny: tuple[Limits, Limits, Limits]
    age_mean_years: Positive
    age_shape: Positive
    owner_age_mean: PerArea
    owner_age_sd: PerArea
    chain_share: Share
    core_firms: Annotated[int, Field(ge=1)]
    age_quality: float
    age_limits: Limits
    owner_age_limits: DayRange
    owner_age_at_founding: Annotated[int, Field(ge=1)]
    sales_age: float
    typical_age_years: Positive
    employees_sd: Positive
    capital_to_sales: Positive
    capital_sd: Positive
    capital_quality: float
    least_capital_cny: Annotated[int, Field(ge=1)]
    digital_weights: tuple[Positive, Positive, Positive]
    farm_weather: Positive
    enterprise_kcny: Positive
    enterprise_lean: PerForm
    farm_lean: PerForm
    home_city_lean: Positive
    cluster_seat_share: Share


class HealthConfig(Settings):
    """Business health: what moves a firm's orders."""

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
    core_load: Share
    own_sd_age: float
    own_sd_age_limits: Limits
    own_sd_quality: float
    flood_season: Share
    thin_months: Positive
    core_failures_per_year: Share
    core_failure_size: Positive
    core_failure_days: Positive
    wet_year_share: Share


class EventsConfig(Settings):
    """Events that a scenario forces."""

    start: dt.date
    days: Positive
    macro_drop: Annotated[float, Field(ge=0)]
    cycle_drops: dict[str, Annotated[float, Field(ge=0)]]
    flooded_cities: tuple[str, ...]


class CashConfig(Settings):
    """Cash equation and default."""

    reversion_months: Positive
    leverage: Positive
    noise_sd: Positive
    noise_spread: Positive
    noise_own: float
    buffer_mean: float
    buffer_hidden_sd: Positive
    buffer_quality: float
    buffer_age: float
    buffer_form: PerForm
    buffer_area: PerArea
    accident_cash: Positive
    flood_cash: Annotated[float, Field(ge=0)]
    core_failure_cash: Annotated[float, Field(ge=0)]
    common_share: Share
    season_months: Annotated[float, Field(ge=0)]
    harvest_sharpness: Positive
    year_end_months: Annotated[float, Field(ge=0)]
    year_end_weeks: Annotated[int, Field(ge=1)]
    floor: float
    age_limits: Limits


class TruePdConfig(Settings):
    """Numerical settings of true PD."""

    points: Annotated[int, Field(ge=16)]
    grid_points: Annotated[int, Field(ge=16)]


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
    lump_own: float
    lump_spread: Positive
    lump_limits: Limits
    rest_weekend: Positive
    rest_least: Share
    spring_before: tuple[Positive, Positive]
    return_shape: Positive
    spring_health: float
    return_least: Share
    spring_busy: Positive
    returned_days: Annotated[int, Field(ge=1)]
    holiday_weekend: Positive
    holiday_shape: Positive
    holiday_most: Share
    idle_health: float
    idle_days_sd: Positive


class ElectricityConfig(Settings):
    """Electricity meters and bills."""

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
    bill_delay: tuple[Positive, Positive]
    use_sd: Positive
    standby_limits: Limits
    follow_limits: Limits
    follow_least: Positive
    cool_above_c: float
    heat_below_c: float
    bands_sd: Positive
    bands_tilt_sd: Positive
    peak_limits: Limits
    wander_own: float
    noise_own: float
    wild_spread: Positive
    wild_most: Share
    cut_spread: Positive
    cut_most: Share
    cut_power: Positive
    noise_limits: Limits
    calm_limits: Limits
    batch_own: float
    batch_days_spread: Positive
    batch_limits: Limits
    batch_least_pace: Positive


class TaxConfig(Settings):
    """VAT rates and declarations."""

    honest_share: Share
    small_scale_rate: Share
    exempt_since: tuple[dt.date, ...]
    exempt_monthly_cny: tuple[float, ...]
    general_share: PerForm
    supplier_rates: tuple[Share, Share, Share, Share]
    supplier_shares: tuple[Share, Share, Share, Share]
    filing_due_days: Annotated[int, Field(ge=1)]
    filing_lag_days: Annotated[int, Field(ge=1)]
    filing_delay: tuple[Positive, Positive]
    payment_delay: tuple[Positive, Positive]
    skipped_share: Share
    skipped_quality: float
    uninvoiced_share: Share
    uninvoiced_sd: Positive
    uninvoiced_quality: float
    uninvoiced_month_sd: Positive
    burden_by_form: PerForm


class InvoiceConfig(Settings):
    """Invoicing of one direction, sales or purchases."""

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
    volume_sd: Positive
    inward: tuple[Positive, Positive]
    inward_limits: Limits
    weight_sd: Positive
    weight_noise_sd: Positive
    reach: tuple[Positive, Positive]
    places: Annotated[int, Field(ge=1)]
    late_sd: Positive
    late_shortfall: float
    most_late: Share
    most_parcels: Positive


class EcommerceConfig(Settings):
    """Online shops."""

    rural_growth_per_year: float
    conversion: Share
    ticket_cny: Positive
    refund_rate: Share
    review_rate: Share
    bad_rate: Share
    repeat_rate: Share
    share_sd: Positive
    share_limits: Limits
    ticket_sd: Positive
    most_orders: Positive
    conversion_sd: Positive
    conversion_limits: Limits
    quality: float
    refund_sd: Positive
    most_refunds: Share
    bad_sd: Positive
    most_bad: Share
    repeat_sd: Positive
    repeat_limits: Limits
    noise_sd: Positive
    orders_shortfall: float
    most_visitors: Positive
    refund_shortfall: float
    refunds_in_shortfall: Share
    same_day_share: Share
    bad_shortfall: float
    bad_in_shortfall: Share
    rating_best: Positive
    rating_fall: Positive


class CoverageConfig(Settings):
    """Coverage of firms by sources."""

    tax_complete: Share
    tax_partial: Share
    online: Share
    logistics: Share
    online_scale: Share
    area_lift: PerArea
    digital_loading: Share
    tax_start: Limits
    logistics_online: float


class FaultsConfig(Settings):
    """Faults of the data systems."""

    gaps_per_year: Positive
    late_per_year: Positive
    estimates_per_year: Positive
    swaps_per_year: Positive
    run_days: Annotated[float, Field(ge=1)]
    longest_delay_days: Annotated[int, Field(ge=2)]
    late_invoices: Share
    estimate_sd: Positive
    longest_run_days: Annotated[int, Field(ge=1)]


class FraudConfig(Settings):
    """Fraud: shell firms, brushing sellers, invoice inflators."""

    shell_share: Share
    shell_young: Positive
    shell_age_years: Positive
    shell_first_time: Positive
    inflation_share: Share
    brushing_share: Share
    intent: tuple[Share, Share, Share]
    paid_instalments: DayRange
    burst_share: Share
    burst_sales: Positive
    quiet_sales: Positive
    empty_office: Share
    flicker: Positive
    flicker_spread: Positive
    inflation: tuple[Positive, Positive]
    inflation_days: DayRange
    brushing: tuple[Positive, Positive]
    brushing_days: DayRange
    friends: Annotated[int, Field(ge=1)]


class CreditConfig(Settings):
    """Loan demand and past lending decisions."""

    amount_scale_cny: Positive
    amount_elasticity: Positive
    amount_sd: Positive
    amount_by_lender: PerLender
    amount_by_purpose: tuple[Positive, Positive, Positive, Positive, Positive]
    caps_cny: PerLender
    amount_gap: float
    purpose_weights: tuple[Share, Share, Share, Share, Share]
    terms: tuple[TermShares, TermShares, TermShares, TermShares, TermShares]
    plan_weights: PerPlan
    online_channel: Share
    online_old: Share
    lender_weights: PerLender
    lender_tilt: PerLender
    lender_sales: PerLender
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
    old_age: Annotated[int, Field(ge=1)]
    channel_digital: float
    helped_old: Share
    helped_young: Share
    late_consent_days: DayRange
    early_consent_days: DayRange
    term_months: tuple[int, int, int]
    least_amount_cny: Annotated[int, Field(ge=1)]
    least_rate_pct: Positive
    margin_limits: Limits
    gap_fall: float
    season_ahead: float
    season_weeks: Annotated[int, Field(ge=1)]
    gap_limits: Limits
    arrears_months: Annotated[int, Field(ge=1)]
    arrears_seen_first: Share
    arrears_seen_repeat: Share
    closure_seen: Share
    fraud_seen: tuple[Share, Share, Share]


class DemandConfig(Settings):
    """Who applies."""

    gap: float
    growth: float
    gap_limits: Limits
    growth_limits: Limits
    usual_need: float
    short_share: Share
    closed_share: Share
    unnoticed_days: Annotated[int, Field(ge=0)]
    work_ends_days: DayRange


class ArrearsConfig(Settings):
    """Past loans of repeat borrowers and their arrears."""

    first_loan_shape: Positive
    first_loan_days: Positive
    first_loan_least_days: Annotated[int, Field(ge=1)]
    first_loan_age: Share
    first_loan_least_age: Positive
    loans_per_year: Positive
    most_loans: Annotated[int, Field(ge=1)]
    loan_months: Positive
    loan_sd: Positive
    loan_term_months: Annotated[int, Field(ge=1)]
    net_share: Share
    late_below_months: float
    days_per_month: Positive
    luck_shape: Positive
    forgotten_share: Share
    forgotten_days: Positive
    grace_days: Positive
    most_late_days: Annotated[int, Field(ge=1)]
    other_lender_share: Share
    most_other_lenders: Annotated[int, Field(ge=1)]
    enquiries_6m: Positive
    enquiry_gap: float
    enquiry_limits: Limits


class LoanConfig(Settings):
    """What a loan's purpose earns, and how it is repaid."""

    full_months: Positive
    beyond_share: Share
    turn_months: Annotated[int, Field(ge=2)]
    turn_gain: float
    build_months: Annotated[int, Field(ge=0)]
    payback_months: Positive
    green_payback_months: Positive
    marketing_months: tuple[int, int]
    marketing_return: Positive
    marketing_sd: Annotated[float, Field(ge=0)]
    gap_share: Share
    unmet_cost: tuple[Share, Share, Share, Share, Share]
    unmet_months: Annotated[int, Field(ge=1)]
    line_draw_days: Positive
    line_draws_per_year: Positive
    line_usable: Share
    seasonal_slope: float
    seasonal_least: Positive

    @property
    def line_drawn(self) -> float:
        """Mean part of a line that is drawn: days of a draw by draws a year."""
        return self.line_draw_days * self.line_draws_per_year / DAYS_A_YEAR


class AcceptanceConfig(Settings):
    """Who takes the loan that is offered."""

    least_rate_pct: float
    half_rate_pct: Positive
    slope: Positive
    need: float
    usual_gap: float
    gap_limits: Limits


class BookConfig(Settings):
    """Repayment, pledges and recoveries of the loans that were taken."""

    lenders: tuple[Count, Count, Count, Count]
    pledge_share: PerLenderShare
    guaranteed_share: Share
    guarantor_days: Annotated[int, Field(ge=1)]
    pledge_recovered: Share
    pledge_days: Annotated[int, Field(ge=1)]
    borrower_recovered: tuple[Share, Share, Share]
    intent_recovered: Share
    closed_recovered: Share
    recovery_spread: Positive
    recovery_payments: Annotated[int, Field(ge=1)]
    recovery_months: Annotated[int, Field(ge=1)]
    write_off_days: Annotated[int, Field(ge=1)]
    closure_cost_months: Annotated[float, Field(ge=0)]
    bureau_past_share: Share
    bureau_share: PerLenderShare
    bureau_lag_days: DayRange


class PaymentConfig(Settings):
    """Late payment when cash is short."""

    patience_months: Positive
    worst_shortfall: Positive
    regularity: Positive
    quality: float
    shortfall_power: Positive


class TurnoverConfig(Settings):
    """Yearly amounts of sales and purchases that get an invoice."""

    invoiced_sd: Positive
    least_invoiced: Share
    margin_buffer: float
    margin_sd: Positive
    purchase_limits: Limits
    purchase_sd: Positive
    purchase_shortfall: float


class WeatherConfig(Settings):
    """Temperature of the cities."""

    mean_c: Positive
    swing_c: Positive
    hottest_day: Annotated[int, Field(ge=1)]
    noise_sd_c: Positive
    memory: Share
    shared: Share


class InvoicingConfig(Settings):
    """Invoicing habits that sales and purchases share."""

    most_orders_a_year: Positive
    least_orders_a_year: Positive
    least_yearly_cny: Positive
    most_invoices_an_order: Annotated[int, Field(ge=1)]
    quantities: tuple[int, ...]
    spring_days: Annotated[int, Field(ge=1)]
    holiday_factor: Share
    mid_month: Positive
    loyal_partners: Annotated[int, Field(ge=1)]
    hundreds_from_cny: Positive
    thousands_from_cny: Positive
    thousands_share: Share
    ticket_size: float
    spread_limits: Limits
    skew_most: Share
    issuing_limits: Limits
    weekend_most: Positive
    clump_limits: Limits
    month_limits: Limits
    month_own: float
    partners_orders: float
    partners_limits: Limits
    concentration_limits: Limits
    churn_shape: Positive
    churn_days: Positive
    quality: float
    limits_cny: tuple[Positive, Positive, Positive]
    void_sd: Positive
    void_most: Share
    red_sd: Positive
    red_most: Share
    void_shortfall: float
    void_days: Positive
    void_most_days: Annotated[int, Field(ge=1)]
    most_waiting_days: Positive
    filled_limit: tuple[Positive, Positive]
    last_invoice: Positive
    partner_amount: tuple[Positive, Positive]
    usual_amount: tuple[float, float]
    month_days: Annotated[int, Field(ge=1)]


class Trade(Settings):
    """Settings of one trade."""

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

    about: str
    calendar: CalendarConfig
    population: PopulationConfig
    health: HealthConfig
    events: EventsConfig
    cash: CashConfig
    payment: PaymentConfig
    turnover: TurnoverConfig
    work: WorkConfig
    true_pd: TruePdConfig
    electricity: ElectricityConfig
    tax: TaxConfig
    weather: WeatherConfig
    invoicing: InvoicingConfig
    sales: InvoiceConfig
    purchases: InvoiceConfig
    logistics: LogisticsConfig
    ecommerce: EcommerceConfig
    coverage: CoverageConfig
    faults: FaultsConfig
    fraud: FraudConfig
    credit: CreditConfig
    demand: DemandConfig
    arrears: ArrearsConfig
    loan: LoanConfig
    acceptance: AcceptanceConfig
    book: BookConfig
    trades: dict[str, Trade]

    @property
    def trade_names(self) -> tuple[str, ...]:
        """Trades in file order, the order of trade codes."""
        return tuple(self.trades)

    def per_trade(self, setting: str) -> list[Any]:
        """One setting of every trade, in the order of trade codes."""
        return [getattr(trade, setting) for trade in self.trades.values()]
