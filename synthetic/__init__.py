"""A causal, calibrated simulation of the microenterprises of one province."""
