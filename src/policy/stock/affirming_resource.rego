package policy

# Guests all of whose submodules are affirmed may use any plugin.
default allow := false

allow if {
	count(input.submods) > 0
	every _, submodule in input.submods {
		submodule["ear.status"] == "affirming"
	}
}
