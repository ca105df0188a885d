"""Sources, formats, the one chat formatter, the doctor, treatments: everything left of a model."""
