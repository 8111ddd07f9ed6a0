"""What the project claims about speed, re-runnable: ratios measured in one run on one machine."""
