"""Compare a simulated world with the figures of the market report."""
