"""Training, comparison, calibration and explanation of the models, and the files they live in."""
