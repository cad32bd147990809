"""Loans: who asks for one, what an offer does to cash, and what becomes of it."""
