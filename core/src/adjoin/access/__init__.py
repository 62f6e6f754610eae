"""People and doors: who somebody is, what they may do where, and the record of what they did."""
