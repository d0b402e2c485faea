"""Postgres: engine, tables, named SQL files and migrations. No decisions about orders."""
