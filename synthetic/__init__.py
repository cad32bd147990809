"""A causal, calibrated simulation of the microenterprises of one province, with known truth.

Health decides work, work decides invoices, kilowatt hours, parcels and orders, and cash that runs
out is default. A world is a data folder that the other rooms read like a bank's own:

    import synthetic

    world = synthetic.simulate("world", firms=3000, seed=1)
    truth = synthetic.truth_of(world, offers)  # any amount, rate, term, plan and purpose

What no real lender knows lies apart, in `world/truth/`: each applicant's true PD, the default that
a refused firm would have had, and its cause; `truth_of` answers for any other offer. Other
provinces are settings: a TOML file, or a shipped scenario such as `config="downturn"`.

The causal graph reads top to bottom in `synthetic.world`; the equation of each signal stands at the
head of its file's function. docs/simulator.md explains, docs/settings.md lists every number with
its source. The command is `firstloan simulate`.
"""

from synthetic.api import simulate, truth_of

__all__ = ["simulate", "truth_of"]
