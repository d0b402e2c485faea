"""Matching, break classes and the bridge: frames in, frames out, through narwhals.

No I/O besides the bundled rules file, no clock, no database, no orchestration.
"""
