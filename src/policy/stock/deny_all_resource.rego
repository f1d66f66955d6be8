package policy

# Nobody gets anything.
default allow := false
