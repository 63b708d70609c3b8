"""Pages of billing: one module per noun."""
