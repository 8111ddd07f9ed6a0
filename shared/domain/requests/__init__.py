"""The rules of requests: authentication, limits, names, paging, fields and the wording of errors."""
