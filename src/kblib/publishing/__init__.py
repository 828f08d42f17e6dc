"""What leaves the house: which terms hold, and a folder that says so."""
