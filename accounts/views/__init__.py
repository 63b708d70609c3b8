"""Pages of people: their security, and the rules of a company."""
