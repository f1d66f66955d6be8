package policy

# Protected PCIe: the class exists only after the verifier has found the topology valid.

trust_claims := {
	"configuration": 2,
	"executables": 0,
	"hardware": 0,
	"file-system": 0,
	"instance-identity": 0,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}
