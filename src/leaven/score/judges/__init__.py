"""Who ranks answers: what each judge asks, and how what it says is read.

A judge is declared here and calls nobody. Of one that is asked in words, two pure halves are here: questions go out,
verdicts come in; whoever sends them is no matter of theirs.
"""
