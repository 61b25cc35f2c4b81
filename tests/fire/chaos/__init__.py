"""Random faults against whole hubs, and a checker that reads afterwards what everybody saw."""
