"""Experiments that see all rooms and the truth: report targets, realism, information, gates.

`laboratory.targets` compares a simulated world with the figures of the market report (the command
`firstloan calibrate`). The other modules run alone, such as `python -m laboratory.realism`.
"""
