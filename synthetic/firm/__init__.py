"""Firms and their latent state: population, shocks, health, cash, coverage, fraud."""
