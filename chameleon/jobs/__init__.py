"""The jobs that users ask for, whole: learn, protect, verify, restore. The command line calls these."""
