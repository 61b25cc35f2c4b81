"""What Roost costs, measured on this machine and compared with what the machine can do: `python -m bench`."""
