"""What runs write: pictures of cubes, changes of a store, what failed runs leave behind."""
