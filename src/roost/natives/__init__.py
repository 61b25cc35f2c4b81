"""What agents write down for themselves, read and never written: where it lies, and what it says (ADR 0023)."""
