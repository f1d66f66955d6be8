package policy

# Every attested guest may use the `resource` plugin, whatever it attested. For trying out.
default allow := false

allow if data.plugin == "resource"
