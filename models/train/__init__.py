"""Training: fit the candidates, choose the champion, evaluate out of time, log and register.

`models.train.training` holds the functions that a script calls; `python -m models.train` is the
command `firstloan train`.
"""
