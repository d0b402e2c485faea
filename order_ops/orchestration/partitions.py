"""Partitions: an accounting day of a provider account, key `account|day`.

Days are labels of the account's own accounting day, whatever its time zone;
`end_offset` lets the day that is already running somewhere be named too.
"""

import dagster as dg

from order_ops.mapping import load_mapping
from order_ops.settings import get_settings

_accounts = load_mapping(get_settings().mapping).accounts

account_days = dg.MultiPartitionsDefinition(
    {
        "account": dg.StaticPartitionsDefinition(sorted(account.name for account in _accounts)),
        "day": dg.DailyPartitionsDefinition(
            start_date=min(account.first_day for account in _accounts).isoformat(), end_offset=1
        ),
    }
)
