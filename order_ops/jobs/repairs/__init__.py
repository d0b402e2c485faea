"""Orders that may not be as they should: found, asked about, and put right as far as it is allowed.

`due` says which orders are looked at, `asking` asks their providers, `acts` writes down what is
planned and what may be done, `telling` tells a provider, `repairing` puts a look together, and
`approvals` is what people decide. What is decided is `order_ops.domain.repairs`.
"""
