"""Statistics of the shape of a firm's records, for the realism test."""
