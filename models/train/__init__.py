"""Training: fit the candidates, choose the champion, evaluate out of time, log and register.

`python -m models.train` is the command `firstloan train`.
"""

from models.train.training import TrainOptions, TrainResult, train, train_matrix, train_on

__all__ = ["TrainOptions", "TrainResult", "train", "train_matrix", "train_on"]
