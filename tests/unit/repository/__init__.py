"""The repository itself: what its rules say of files, what its pages say of programs, what it is installed from."""
