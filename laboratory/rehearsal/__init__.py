"""Rehearsal of offer policies: what would really have come of the offers that each makes.

Policies decide on the out-of-time applicants of a simulated world; `synthetic.truth_of` answers
what becomes of each offer, expected over all futures.
"""
