"""One file for each request: the story of what it does."""
