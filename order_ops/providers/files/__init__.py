"""Files of payment providers as canonical lines: one module per format, `registry` opens them.

A file is read whole or refused whole. What is common to CSV files is in `csv_file` and
`text_columns`, what every file becomes in `report`.
"""
