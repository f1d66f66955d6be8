package policy

# Appraisal of an NVIDIA switch, by the claims of NVIDIA's attestation service.

default hardware := 97

default executables := 33

default configuration := 36

trust_claims := {
	"executables": executables,
	"hardware": hardware,
	"configuration": configuration,
	"file-system": 0,
	"instance-identity": 0,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}

known(id, value) if value in query_reference_value(id)

hardware := 2 if {
	report := input.nvidia["x-nvidia-switch-attestation-report-cert-chain"]
	report["x-nvidia-cert-ocsp-status"] == "good"
	report["x-nvidia-cert-status"] == "valid"
	input.nvidia["x-nvidia-switch-attestation-report-cert-chain-fwid-match"] == true
	input.nvidia["x-nvidia-switch-attestation-report-parsed"] == true
	input.nvidia["x-nvidia-switch-attestation-report-signature-verified"] == true
	input.nvidia["x-nvidia-switch-arch-check"] == true
}

locked if {
	input.nvidia.secboot == true
	input.nvidia.dbgstat == "disabled"
}

configuration := 2 if {
	locked
	known("allowed_switch_bios_versions", input.nvidia["x-nvidia-switch-bios-version"])
} else := 3 if locked

executables := 3 if {
	chain := input.nvidia["x-nvidia-switch-bios-rim-cert-chain"]
	chain["x-nvidia-cert-ocsp-status"] == "good"
	chain["x-nvidia-cert-status"] == "valid"
	every claim in [
		"x-nvidia-switch-bios-rim-fetched",
		"x-nvidia-switch-bios-rim-measurements-available",
		"x-nvidia-switch-bios-rim-schema-validated",
		"x-nvidia-switch-bios-rim-signature-verified",
		"x-nvidia-switch-bios-rim-version-match",
	] {
		input.nvidia[claim] == true
	}
	input.nvidia.measres == "success"
}
