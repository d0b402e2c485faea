"""The demo's shop: one day of real payments, told as messages and provider files.

`day.build_day` makes the day, `truth.score` judges what a system made of it.
The modules in the order in which a day is made:

- `sample`: the real orders and payments
- `fates`: what happens to each order, faults included; one fate per order
- `lives`: the moments and references of an order's day
- `events`, `poison`: the messages that the shop publishes
- `lines`, `report`: what the provider recorded, and its CSV file
- `day`: all of it together, with the labels and the figures that must come out
- `truth`: the system's matches and breaks against the labels

Nothing here knows the product: a shop and its provider do not. The one thing
shared is the wire contract, and a test holds the messages against it.
"""
