package policy

# Any attested guest may use the `resource` plugin, except one with evidence of a sample attester in any of its
# submodules: such evidence proves nothing.
default allow := false

from_sample if {
	some submodule in input.submods
	some kind in ["sample", "sampledevice"]
	_ = submodule["ear.veraison.annotated-evidence"][kind]
}

allow if {
	data.plugin == "resource"
	not from_sample
}
