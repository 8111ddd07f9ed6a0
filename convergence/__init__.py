"""The command line of Convergence for tenants and operators: `python -m convergence --help`. No function uses it."""
