package policy

# Appraisal of a GPU by the claims of NVIDIA's attestation service. A sample device is never recognised.

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
	report := input.nvidia["x-nvidia-gpu-attestation-report-cert-chain"]
	report["x-nvidia-cert-ocsp-status"] == "good"
	report["x-nvidia-cert-status"] == "valid"
	input.nvidia["x-nvidia-gpu-attestation-report-cert-chain-fwid-match"] == true
	input.nvidia["x-nvidia-gpu-attestation-report-parsed"] == true
	input.nvidia["x-nvidia-gpu-attestation-report-signature-verified"] == true
	input.nvidia["x-nvidia-gpu-arch-check"] == true
}

locked if {
	input.nvidia.secboot == true
	input.nvidia.dbgstat == "disabled"
}

versions_known if {
	known("allowed_vbios_versions", input.nvidia["x-nvidia-gpu-vbios-version"])
	known("allowed_driver_versions", input.nvidia["x-nvidia-gpu-driver-version"])
}

configuration := 2 if {
	locked
	versions_known
} else := 3 if locked

rim_chain_good(chain) if {
	chain["x-nvidia-cert-ocsp-status"] == "good"
	chain["x-nvidia-cert-status"] == "valid"
}

executables := 3 if {
	rim_chain_good(input.nvidia["x-nvidia-gpu-vbios-rim-cert-chain"])
	every claim in [
		"x-nvidia-gpu-driver-rim-fetched",
		"x-nvidia-gpu-driver-rim-measurements-available",
		"x-nvidia-gpu-driver-rim-schema-validated",
		"x-nvidia-gpu-driver-rim-signature-verified",
		"x-nvidia-gpu-driver-rim-version-match",
		"x-nvidia-gpu-vbios-rim-fetched",
		"x-nvidia-gpu-vbios-rim-measurements-available",
		"x-nvidia-gpu-vbios-rim-schema-validated",
		"x-nvidia-gpu-vbios-rim-signature-verified",
		"x-nvidia-gpu-vbios-rim-version-match",
	] {
		input.nvidia[claim] == true
	}
	input.nvidia.measres == "success"
}
