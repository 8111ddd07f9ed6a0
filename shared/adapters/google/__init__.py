"""Google's other services, and what the product does about their errors."""
