"""The feature engine: records known on the day of application, summed, then formulas evaluated."""
