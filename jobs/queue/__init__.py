"""Jobs that wait: which is launched next, why the others wait, what operators change about it."""
