"""Section 7: the resource policy."""

import time

import jose
import harness
from guest import Guest, bearer
from harness import DENIED, MALFORMED, PA, PD, POLICY_BROKEN, SECRET, NotApplicable, case
from servers import StartError

from .attestation_policy import set_attestation_policy
from .tokens import VALUES, Holder, register, self_made

DENY_DETAIL = "Access denied by policy"
HEAD = "package policy\n\ndefault allow := false\n\n"
DEVICE_POLICY = """package policy

default hardware := 97

hardware := 2 if input.sampledevice.svn in query_reference_value("device_svn")

trust_claims := {"hardware": hardware, "executables": 3, "configuration": 2}
"""


def iff(condition):
    return HEAD + "allow if { " + condition + " }\n"


def denied(t, response):
    t.error(response, "PolicyDeny", DENIED, DENY_DETAIL)


def denies(t, policy, server=None):
    """Under `policy` an attested guest is refused."""
    denied(t, t.settled_guest(policy, server).get())


def allows(t, policy):
    guest = t.guest(policy=policy)
    t.eq(guest.fetch(), SECRET, "resource")


@case("P-01", "ALLOW", lane="default_policy", own=True)
def stock_policy(t):
    """A lane of its own: nothing has set a policy on this server."""
    t.put("default/key/1", SECRET)
    denied(t, Guest(t.s).handshake().get())


@case("P-02", "ALLOW")
def allow_all(t):
    allows(t, PA)


@case("P-03", "ALLOW")
def deny_all(t):
    denies(t, PD)


@case("P-04", "ALLOW")
def success(t):
    response = t.post_policy(PA)
    t.s.policy, t.s.changed = PA, time.time()
    t.empty(response)
    t.eq(response.header("content-type"), None, "Content-Type")


@case("P-05", "ALLOW")
def plain_rule(t):
    allows(t, "package policy\nallow = true\n")


def unparsable(t, body, has):
    t.error(t.s.as_admin("POST", "resource-policy", body), "ParsePolicyError", MALFORMED, has=has)


@case("P-07", "ALLOW")
def not_json(t):
    unparsable(t, b"x", "Illegal SetPolicy Request Json")


@case("P-08", "ALLOW")
def no_member(t):
    unparsable(t, b"{}", "No `policy` field")
    unparsable(t, b"[]", "No `policy` field")


@case("P-09", "ALLOW")
def not_a_string(t):
    unparsable(t, b'{"policy":1}', "not a string")


def rejected(t, text):
    """The upload is refused and the policy before it still decides."""
    guest = t.guest()
    response = t.post_policy(text)
    t.error(response, "PolicyEngineError", MALFORMED, starts="Policy engine error: Failed to load policy: ")
    t.eq(guest.fetch(), SECRET, "resource under the old policy")


@case("P-11", "ALLOW")
def not_rego(t):
    rejected(t, "this is not rego")


@case("P-12", "ALLOW")
def rego_v0(t):
    rejected(t, "package policy\nallow { true }\n")


@case("P-14", "ALLOW")
def long_line(t):
    rejected(t, HEAD + f'x := "{"a" * 2000}"\n')


@case("P-15", "ALLOW")
def other_package(t):
    denies(t, "package other\n\nallow := true\n")


@case("P-16", "ALLOW")
def no_allow(t):
    denies(t, "package policy\n\ndeny := true\n")


@case("P-18", "ALLOW")
def undefined(t):
    denies(t, 'package policy\n\nallow if input.iss == "nobody"\n')


def breaks(t, policy):
    guest = t.settled_guest(policy)
    t.error(guest.get(), "PolicyEngineError", POLICY_BROKEN, starts="Policy engine error: ")


@case("P-19", "ALLOW")
def unknown_function(t):
    breaks(t, iff("no_such_function(1)"))


@case("P-21", "ALLOW")
def data_document(t):
    allows(t, iff('data.plugin == "resource"; count(data["resource-path"]) == 3'))


@case("P-22", "ALLOW")
def resource_path(t):
    guest = t.settled_guest(iff('data["resource-path"] == ["default", "key", "1"]'))
    t.eq(guest.fetch(), SECRET, "resource")
    t.put("default/key/2", b"the other resource")
    denied(t, guest.get("default/key/2"))


@case("P-24", "ALLOW")
def query(t):
    guest = t.settled_guest(iff('data.query.q == "a b"'))
    t.eq(guest.fetch("default/key/1?q=a+b"), SECRET, "?q=a+b")
    t.eq(guest.fetch("default/key/1?q=a%20b"), SECRET, "?q=a%20b")
    denied(t, guest.get("default/key/1?q=ab"))


@case("P-25", "ALLOW")
def whole_claims(t):
    allows(t, iff('input.iss == "CoCo-Attestation-Service"'))


@case("P-26", "ALLOW", lane="status_policy", own=True)
def status(t):
    """A lane of its own: no reference values before."""
    policy = iff('input.submods.cpu0["ear.status"] != "contraindicated"')
    denies(t, policy)
    register(t, VALUES)
    allows(t, policy)


@case("P-27", "ALLOW", lane="device_policy", own=True)
def device_status(t):
    policy = iff('input.submods.cpu0["ear.status"] != "contraindicated"; '
                 'input.submods.gpu0["ear.status"] != "contraindicated"')
    t.prepared(policy=policy)
    register(t, VALUES)

    def response():
        t.settle()
        guest = Guest(t.s).handshake(device=True)
        return guest, guest.get()

    denied(t, response()[1])           # stock policy for devices, no value
    register(t, {"device_svn": ["2"]})
    denied(t, response()[1])           # stock policy, value there
    register(t, {"device_svn": ["1"]})
    set_attestation_policy(t, "default_gpu", DEVICE_POLICY)
    denied(t, response()[1])           # own policy, another value
    register(t, {"device_svn": ["2"]})
    guest, answer = response()
    t.eq(guest.open(answer), SECRET, "resource")


@case("P-29", "ALLOW")
def functions(t):
    allows(t, iff('regex.match("^d.f", data["resource-path"][0]); base64.decode("YQ==") == "a"; time.now_ns() > 0; '
                  'sprintf("%s-%d", ["x", 1]) == "x-1"; every s in data["resource-path"] { s != "" }; '
                  'some x in data["resource-path"]; x == "key"'))


@case("P-30", "ALLOW")
def no_network(t):
    breaks(t, iff('http.send({"method": "get", "url": "http://127.0.0.1:1/"}).status_code == 200'))


@case("P-31", "ALLOW")
def policy_ids(t):
    response = t.status(t.s.as_admin("GET", "resource-policy"), 200)
    t.true(response.header("content-type", "").startswith("application/json"), "Content-Type is not JSON")
    t.eq(response.json(), ["resource-policy"], "ids")


@case("P-32", "ALLOW", own=True)
def other_plugin(t):
    try:
        server = t.fresh("PROVISIONER")
    except StartError as refused:
        raise NotApplicable("no attested plugin besides `resource` in this build") from refused
    guest = t.settled_guest(PA, server)
    denied(t, server.request("GET", "provisioner/default/x/root", guest.headers()))


@case("P-34", "ALLOW", lane="default_policy", own=True)
def stock_policy_passes_others(t):
    t.put("default/key/1", SECRET)
    holder = Holder(t.s)
    token = self_made(holder, submods={"cpu0": {"ear.veraison.annotated-evidence": {"snp": {"measurement": "x"}}}})
    t.eq(holder.open(bearer(t.s, token)), SECRET, "resource")


@case("P-36", "ALLOW")
def counters(t):
    names = [f"kbs_policy_{what}_total" for what in ("evaluations", "approvals", "violations")]

    def moved(policy):
        guest = t.settled_guest(policy)
        before = [t.metric(name) for name in names]
        guest.get()
        return [t.metric(name) - was for name, was in zip(names, before)]

    t.eq(moved(PA), [1, 1, 0], "counters under PA")
    t.eq(moved(PD), [1, 0, 1], "counters under PD")


@case("EXT-01", "ALLOW")
def denied_with_an_older_token(t):
    """Attesting again can help after a change, so precise mode says 401; the reference always does."""
    guest = t.guest()
    t.eq(guest.fetch(), SECRET, "resource")
    time.sleep(1.1)  # the change falls into a later second than the token
    t.set_policy(PD)
    t.error(guest.get(), "PolicyDeny", harness.UNTRUSTED, DENY_DETAIL)


@case("EXT-02", "ALLOW")
def denied_with_a_newer_token(t):
    guest = t.settled_guest(PD)
    time.sleep(0.1)
    denied(t, guest.get())
    t.eq(guest.get().status, 403 if t.precise else 401, "status")


@case("EXT-40", "ALLOW")
def policy_text(t):
    """GET /kbs/v0/admin/policy gives the active text, byte for byte."""
    for policy in (PA, HEAD + "# \u00e9\u4e2d\n", PD):
        t.set_policy(policy)
        response = t.status(t.s.as_admin("GET", "admin/policy"), 200)
        t.eq(response.body, policy.encode(), "text of the policy")


@case("EXT-41", "ALLOW")
def bad_encodings(t):
    """Standard alphabet, padding and broken UTF-8 are refused, and the old policy stays."""
    guest = t.guest()
    for text in ("+/==", jose.b64u(PA) + "=", jose.b64u(b"\xff\xfe"), "!", "YQ", "a"):
        response = t.s.as_admin("POST", "resource-policy", jose.compact({"policy": text}).encode())
        t.status(response, *((400,) if t.precise else (401,)))
        t.shape(response)
    for body in (b'{"policy":"YQ","policy":"YQ"}', b'{"policy":"YQ"}x', b"[" * 3000, b'{"policy":"\xff"}', b""):
        t.status(t.s.as_admin("POST", "resource-policy", body), *((400,) if t.precise else (401,)))
    t.eq(guest.fetch(), SECRET, "resource under the old policy")


@case("EXT-42", "ALLOW")
def conflicting_rules(t):
    breaks(t, "package policy\n\nallow := true\n\nallow := false\n")


@case("EXT-43", "ALLOW")
def not_boolean(t):
    """`"yes"`, 1, a set, an object: none of them is true."""
    for value in ('"yes"', "1", '{"a"}', '{"a": true}', "[true]", "null"):
        guest = t.settled_guest(f"package policy\n\nallow := {value}\n")
        denied(t, guest.get())


@case("EXT-44", "ALLOW")
def no_reference_values_here(t):
    """Resource policies do not get query_reference_value."""
    breaks(t, iff('query_reference_value("x") == null'))


@case("EXT-45", "ALLOW")
def denied_learns_nothing(t):
    """Existing, absent: the same answer for who is denied. No read is counted either."""
    guest = t.settled_guest(iff('data["resource-path"][0] == "open"'))
    there, absent = guest.get("default/key/1"), guest.get("default/key/nosuch")
    t.eq((there.status, there.body), (absent.status, absent.body), "answers for existing and absent")
    denied(t, there)
