"""Training data: feature rows with labels, the split, time-ordered folds, source dropout."""
