"""What a finished job has made: where it lies, how it is opened, and who may see it."""
