"""Reads the files that people have: CSV in any usual encoding, XLSX workbooks, and HTML saved as `.xls`."""
