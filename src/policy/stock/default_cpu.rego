package policy

# Appraisal of CPU evidence against reference values. Values are those of AR4SI: 2 and 3 affirm, 33 and 36 warn,
# 97 says that the hardware is not recognised. Without reference values every guest stays contraindicated.

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

# Whether `value` is one of those registered under `id`.
known(id, value) if value in query_reference_value(id)

# Whether `value` is the one registered under `id`.
same(id, value) if value == query_reference_value(id)

##### sample

executables := 3 if known("launch_digest", input.sample.launch_digest)

hardware := 2 if {
	known("svn", input.sample.svn)
	same("major_version", input.sample.platform_version.major)
	minimum := query_reference_value("minimum_minor_version")
	is_number(minimum) # any number is greater than null
	input.sample.platform_version.minor >= minimum
}

configuration := 2 if input.sample.debug == false

##### snp

executables := 3 if known("snp_launch_measurement", input.snp.measurement)

hardware := 2 if {
	known("snp_bootloader", input.snp.reported_tcb_bootloader)
	known("snp_microcode", input.snp.reported_tcb_microcode)
	known("snp_snp_svn", input.snp.reported_tcb_snp)
	known("snp_tee_svn", input.snp.reported_tcb_tee)
}

snp_locked if {
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
}

snp_as_registered if {
	same("snp_smt_enabled", input.snp.platform_smt_enabled)
	same("snp_tsme_enabled", input.snp.platform_tsme_enabled)
	same("snp_guest_abi_major", input.snp.policy_abi_major)
	same("snp_guest_abi_minor", input.snp.policy_abi_minor)
	same("snp_single_socket", input.snp.policy_single_socket)
	same("snp_smt_allowed", input.snp.policy_smt_allowed)
}

configuration := 2 if {
	snp_locked
	snp_as_registered
} else := 3 if snp_locked

##### tdx

tdx_rtmrs_known if {
	known("rtmr_1", input.tdx.quote.body.rtmr_1)
	known("rtmr_2", input.tdx.quote.body.rtmr_2)
}

tdx_kernel_known if {
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_EFI_BOOT_SERVICES_APPLICATION"
	"File(kernel)" in event.details.device_paths
	some digest in event.digests
	same("tdvfkernel", digest.digest)
}

tdx_kernel_params_known if {
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_EVENT_TAG"
	event.details.string == "LOADED_IMAGE::LoadOptions"
	some digest in event.digests
	same("tdvfkernelparams", digest.digest)
}

executables := 3 if {
	tdx_rtmrs_known
	tdx_kernel_known
	tdx_kernel_params_known
} else := 4 if tdx_rtmrs_known

tdx_intel_quote(quote) if {
	quote.header.tee_type == "81000000"
	quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
}

hardware := 2 if {
	tdx_intel_quote(input.tdx.quote)
	known("mr_td", input.tdx.quote.body.mr_td)
	input.tdx.tcb_status == "UpToDate"
	input.tdx.collateral_expiration_status == "0"
}

configuration := 2 if {
	input.tdx.td_attributes.debug == false
	known("xfam", input.tdx.quote.body.xfam)
}

##### az-snp-vtpm

executables := 3 if {
	known("measurement", input["az-snp-vtpm"].measurement)
	known("snp_pcr11", input["az-snp-vtpm"].tpm.pcr11)
}

hardware := 2 if {
	known("tcb_bootloader", input["az-snp-vtpm"].reported_tcb_bootloader)
	known("tcb_microcode", input["az-snp-vtpm"].reported_tcb_microcode)
	known("tcb_snp", input["az-snp-vtpm"].reported_tcb_snp)
	known("tcb_tee", input["az-snp-vtpm"].reported_tcb_tee)
}

configuration := 2 if {
	known("smt_enabled", input["az-snp-vtpm"].platform_smt_enabled)
	known("tsme_enabled", input["az-snp-vtpm"].platform_tsme_enabled)
	known("abi_major", input["az-snp-vtpm"].policy_abi_major)
	known("abi_minor", input["az-snp-vtpm"].policy_abi_minor)
	known("single_socket", input["az-snp-vtpm"].policy_single_socket)
	known("smt_allowed", input["az-snp-vtpm"].policy_smt_allowed)
}

##### az-tdx-vtpm

executables := 3 if known("tdx_pcr11", input["az-tdx-vtpm"].tpm.pcr11)

hardware := 2 if {
	tdx_intel_quote(input["az-tdx-vtpm"].quote)
	known("mr_td", input["az-tdx-vtpm"].quote.body.mr_td)
	input["az-tdx-vtpm"].tcb_status == "UpToDate"
}

configuration := 2 if known("xfam", input["az-tdx-vtpm"].quote.body.xfam)

##### tpm

hardware := 2 if input.tpm

executables := 3 if {
	known("tpm_pcr11", input.tpm.pcr11)
	known("trusted_aks", input.tpm.ak_public)
}

configuration := 0 if input.tpm

##### se: the verifier has checked everything

executables := 3 if input.se

hardware := 2 if input.se

configuration := 2 if input.se

##### what the guest's agent policy says of its containers

containers := [container | container := input.init_data_claims.agent_policy_claims.containers[_]]

images := [image | some container in containers; image := container.OCI.Annotations["io.kubernetes.cri.image-name"]]

uids := [uid | some container in containers; uid := container.OCI.Process.User.UID]

with_images := {"container_images": images} if count(images) > 0 else := {}

with_uids := {"container_uids": uids} if count(uids) > 0 else := {}

extensions := [{
	"name": "ear.trustee.identifiers",
	"key": -18,
	"value": {"validated": object.union(with_images, with_uids)},
}]
