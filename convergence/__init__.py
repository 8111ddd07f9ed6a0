"""The command line of Convergence: `python -m convergence --help`. Tenants and operators use it; no function does."""
