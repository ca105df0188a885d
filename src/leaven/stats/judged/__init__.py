"""How far a judge of answers can be trusted: parsing, itself again, places, lengths, other judges, people."""
