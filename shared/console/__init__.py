"""Makes the console: pages that people read in a browser, with the figures of the API."""
