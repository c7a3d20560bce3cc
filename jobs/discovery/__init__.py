"""What the data stores of the hub hold: their data sets, each described, and their parameters.

Answers come from rows; store readers of the runner (processes that have imported xcube) make them.
Web never imports xcube, and a store that hangs holds up no other.
"""
