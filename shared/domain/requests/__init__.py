"""The rules of requests: authentication, rates, names, paging, fields, repeated requests and the wording of errors."""
