"""What an agent's own record of a session says, as the events of our log (ADR 0024). Pure, but for `reading`."""
