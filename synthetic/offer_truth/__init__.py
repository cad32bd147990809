"""Truth by offer: what would become of any loan to the applicants of a simulated world."""
