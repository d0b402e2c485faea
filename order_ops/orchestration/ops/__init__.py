"""Ops by job: work that results in acts and rows of many tables rather than in one."""
