"""Where a provider's billing rows come from."""
