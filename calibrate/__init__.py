"""Compare a simulated world with the report; it sees all rooms, as the command line does."""
