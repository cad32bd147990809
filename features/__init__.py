"""Data contract and point-in-time features of firms that apply for a loan.

A feature sees a row of tax, electricity, logistics or e-commerce records only if it was known on
the day of the application. Inside a source's coverage no invoice, parcel or order means zero;
outside it, and without a meter reading, the figure is missing. From a notebook:

    import pandas as pd
    import features

    applications = pd.read_csv("world/applications.csv")
    rows = features.build(applications, "world")

    features.build(applications, {"invoices": invoices, "coverage": coverage})  # or from frames
    features.build(loans, "world", as_of=datetime.date(2025, 3, 1))  # open loans on any day

One row an application: three ids, then a column for each row of the feature table, which
`features.table.catalogue.as_table()` lists with window, formula, unit, sign and meaning. The tables
and their columns stand in `features.contract.tables`; docs/contract.md and docs/features.md print
both. The commands are `firstloan import`, `firstloan features` and `firstloan catalogue`.
"""

from features.api import build

__all__ = ["build"]
