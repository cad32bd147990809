"""The data contract: tables and columns, checks on values, and the errors of wrong input."""
