"""Signals: invoices, electricity, parcels, online orders, and data faults."""
