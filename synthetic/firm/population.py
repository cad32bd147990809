"""The applicants: register, hidden traits, place in a supply chain."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from features.arrays import Array, FloatArray
from features.contract.tables import AREAS
from synthetic.config.schema import WorldConfig
from synthetic.firm.shocks import borrowing_weight
from synthetic.setting.places import CITIES, CLUSTERS, COUNTIES, units
from synthetic.streams import Bucket, Rng

CNY_A_YEAR_PER_KCNY_A_DAY = 365_000
"""CNY a year of a firm that sells for 1,000 CNY a day."""

_SEAT_DRAW = 7919
"""Prime that turns the county's uniform number into a second one; no property of the world."""


@dataclass(frozen=True)
class Population:
    """One bucket of firms; every array has shape (n_firms,).

    Attributes
    ----------
    form, trade, area, city, county, cluster, core : ndarray of int
        Codes; -1 where a firm belongs to no cluster or supplies no core firm.
    age_years : ndarray of float
        Years from founding to application.
    sales_cny : ndarray of float
        Usual sales of a year.
    capital_cny, employees, owner_age : ndarray
        As the register has them.
    quality, digital : ndarray of float
        Hidden: management quality and digital habits, both standard normal.
    first_time : ndarray of bool
    applied : ndarray of int
        World day of the application.
    """

    form: Array
    trade: Array
    area: Array
    city: Array
    county: Array
    cluster: Array
    core: Array
    age_years: FloatArray
    sales_cny: FloatArray
    capital_cny: FloatArray
    employees: Array
    owner_age: Array
    quality: FloatArray
    digital: FloatArray
    first_time: Array
    applied: Array

    def __len__(self) -> int:
        return len(self.form)


def population(n: int, bucket: Bucket) -> Population:
    """Draw `n` applicants of one bucket."""
    p = bucket.config.population

    def draw(name: str) -> Rng:
        return bucket.stream(f"population.{name}")

    form = choose([p.individual_share, p.micro_share, p.small_share], draw("form").random(n))
    area = choose([p.urban_share, p.county_share, p.rural_share], draw("area").random(n))
    trade = _trade(form, area, bucket.config, draw("trade").random(n))
    city = _city(trade, bucket.config, draw("city").random(n))
    county = _county(city, area, trade, bucket.config, draw("county").random(n))
    cluster = _cluster(trade, city, county, bucket.config)
    core = _core(cluster, bucket.config, draw("chain"))
    quality = draw("quality").standard_normal(n)
    age = draw("age").gamma(p.age_shape, p.age_mean_years / p.age_shape, n)
    age_years = np.clip(age * np.exp(p.age_quality * quality), *p.age_limits)
    owner = np.take(p.owner_age_mean, area) + np.take(p.owner_age_sd, area) * draw(
        "owner_age"
    ).standard_normal(n)
    owner_age = np.maximum(owner, p.owner_age_at_founding + age_years)
    owner_age = np.clip(owner_age, *p.owner_age_limits).astype(np.int64)
    scale = np.log(np.take(p.sales_median_cny, form)) + p.sales_age * np.log(
        age_years / p.typical_age_years
    )
    lowest, highest = (np.log(np.take(limit, form)) for limit in np.transpose(p.sales_limits_cny))
    sales = np.exp(between(scale, p.sales_sd, lowest, highest, draw("sales").random(n)))
    staff = sales / (1_000 * np.take(bucket.config.per_trade("kcny_per_employee"), trade))
    spread = np.exp(p.employees_sd * draw("employees").standard_normal(n))
    capital = (
        p.capital_to_sales
        * sales
        * np.exp(p.capital_sd * draw("capital").standard_normal(n) + p.capital_quality * quality)
    )
    older = (owner_age - np.take(p.owner_age_mean, area)) / np.take(p.owner_age_sd, area)
    rank = draw("digital").standard_normal(n)
    chance, youth, management = p.digital_weights
    digital = (chance * rank - youth * older + management * quality) / np.sqrt(
        chance**2 + youth**2 + management**2
    )
    return Population(
        form=form,
        trade=trade,
        area=area,
        city=city,
        county=county,
        cluster=cluster,
        core=core,
        age_years=age_years,
        sales_cny=sales,
        capital_cny=np.round(capital, -4) + p.least_capital_cny,
        employees=1 + np.floor(staff * spread).astype(np.int64),
        owner_age=owner_age,
        quality=quality,
        digital=digital,
        first_time=draw("first_time").random(n) < p.first_time_share,
        applied=_application_days(n, bucket.config, draw("calendar")),
    )


def between(
    mean: FloatArray, sd: float, least: FloatArray, most: FloatArray, uniform: FloatArray
) -> FloatArray:
    """Normal numbers within limits, one for each uniform number."""
    low, high = ndtr((least - mean) / sd), ndtr((most - mean) / sd)
    return np.asarray(mean + sd * ndtri(low + uniform * (high - low)))


def choose(weights: list[float], uniform: FloatArray) -> Array:
    """Index drawn by weight, one for each uniform number, of whatever shape."""
    edges = np.cumsum(weights) / np.sum(weights)
    return np.minimum(np.searchsorted(edges, uniform, side="right"), len(weights) - 1)


def _trade(form: Array, area: Array, config: WorldConfig, uniform: FloatArray) -> Array:
    p = config.population
    shares = np.array(config.per_trade("share"))  # (n_trades, n_areas)
    farms = np.array([t.weather >= p.farm_weather for t in config.trades.values()])
    made = ~farms & np.array(
        [t.kcny_per_employee > p.enterprise_kcny for t in config.trades.values()]
    )
    trade = np.empty(len(form), np.int64)
    for f in range(3):
        # enterprises make and trade things more often than individual businesses; assumed
        lean = np.where(made, p.enterprise_lean[f], 1.0) * np.where(farms, p.farm_lean[f], 1.0)
        for a in range(3):
            rows = (form == f) & (area == a)
            trade[rows] = choose(list(shares[:, a] * lean), uniform[rows])
    return trade


def _city(trade: Array, config: WorldConfig, uniform: FloatArray) -> Array:
    weights = np.array([c.weight for c in CITIES])
    names = [c.name for c in CITIES]
    city = np.empty(len(trade), np.int64)
    for code, settings in enumerate(config.trades.values()):
        rows = trade == code
        lean = np.array(
            [config.population.home_city_lean if n in settings.cities else 1.0 for n in names]
        )
        city[rows] = choose(list(weights * lean), uniform[rows])
    return city


def _county(
    city: Array, area: Array, trade: Array, config: WorldConfig, uniform: FloatArray
) -> Array:
    index = {name: k for k, name in enumerate(COUNTIES)}
    home = {(c.trade, c.city): c.county for c in CLUSTERS if c.county}
    county = np.empty(len(city), np.int64)
    for c, place in enumerate(CITIES):
        for a in range(len(AREAS)):
            names = units(place, a) or units(place, 1)
            rows = (city == c) & (area == a)
            codes = np.array([index[name] for name in names])
            county[rows] = codes[(uniform[rows] * len(codes)).astype(np.int64)]
        for (trade_name, city_name), county_name in home.items():
            if city_name == place.name:
                code = config.trade_names.index(trade_name)
                seat = (
                    (city == c)
                    & (trade == code)
                    & (uniform * _SEAT_DRAW % 1 < config.population.cluster_seat_share)
                )
                county[seat] = index[str(county_name)]
    return county


def _cluster(trade: Array, city: Array, county: Array, config: WorldConfig) -> Array:
    cluster = np.full(len(trade), -1, np.int64)
    names = [c.name for c in CITIES]
    for k, industry_cluster in enumerate(CLUSTERS):
        if industry_cluster.trade not in config.trade_names:
            continue
        rows = (trade == config.trade_names.index(industry_cluster.trade)) & (
            city == names.index(industry_cluster.city)
        )
        if industry_cluster.county:
            rows &= county == COUNTIES.index(industry_cluster.county)
        cluster[rows] = k
    return cluster


def _core(cluster: Array, config: WorldConfig, rng: Rng) -> Array:
    """Core firm that a member of a cluster supplies; core firms are dealt to clusters in turn."""
    per_cluster = max(config.population.core_firms // len(CLUSTERS), 1)
    supplies = (rng.random(len(cluster)) < config.population.chain_share) & (cluster >= 0)
    # large core firms have more suppliers: squaring a uniform gives the first ones most
    rank = (rng.random(len(cluster)) ** 2 * per_cluster).astype(np.int64)
    return np.where(supplies, cluster * per_cluster + rank, -1)


def _application_days(n: int, config: WorldConfig, rng: Rng) -> Array:
    """World days of the applications; most fall at a quarter's end or before a holiday (R048)."""
    weight = borrowing_weight(config)
    return config.calendar.history_days + choose(list(weight), rng.random(n))
