/// What a guest does: attest, get-resource.

#include <boost/json/object.hpp>

#include "kbs-client/commands/commands.h"
#include "kbs-client/files.h"

namespace kbs::client {
namespace {

Result<GuestKey> guest_key(const GuestOptions& options, const Context& context) {
  if (options.tee_key_file.empty()) return GuestKey::generate();
  auto pem = read_secret_file(options.tee_key_file, false, 1u << 20);
  if (!pem) context.say("Failed to read: " + options.tee_key_file);
  KBS_TRY(Secret text, std::move(pem));
  auto key = GuestKey::from_pem(text.expose_text());
  if (!key)
    return fail(key.error().kind, options.tee_key_file + " is no TEE key: " + key.error().message);
  return key;
}

Result<> check_init_data(const GuestOptions& options) {
  if (!options.init_data || is_utf8(*options.init_data)) return {};
  return fail(ErrorKind::invalid_request, "INIT_DATA is not UTF-8 text; pass the TOML text itself");
}

Result<Secret> fetch_by_passport(const GetResource& command, const ResourceUri& uri,
                                 Context& context) {
  if (command.guest.tee_key_file.empty()) {
    return fail(ErrorKind::invalid_request,
                "if `--attestation-token` is set, `--tee_key_file` argument should also be set, "
                "because the resource is "
                "encrypted to that key: pass the key of `attest` with --tee-key-file PEM");
  }
  KBS_TRY(GuestKey key, guest_key(command.guest, context));
  auto token = read_token_file(command.attestation_token);
  if (!token) context.say("Failed to read: " + command.attestation_token);
  KBS_TRY(Secret passport, std::move(token));
  KBS_TRY(auto transport, context.connect(kGuestUserAgent));
  return get_resource_with_token(*transport, key, passport, uri, context.sleep);
}

Result<Secret> fetch_by_handshake(const GetResource& command, const ResourceUri& uri,
                                  Context& context) {
  KBS_OK(check_init_data(command.guest));
  KBS_TRY(GuestKey key, guest_key(command.guest, context));
  KBS_TRY(auto transport, context.connect(kGuestUserAgent));
  const AttesterSet attesters = detect_attesters(context.sample_device);
  Guest guest(*transport, std::move(key), attesters, command.guest.init_data, context.sleep);
  return guest.get_resource(uri);
}

Result<> deliver(const GetResource& command, const Secret& resource, Context& context) {
  Output& out = context.out;
  const bool to_file = !command.output_file.empty() && command.output_file != "-";
  if (to_file) KBS_OK(replace_file(command.output_file, resource.expose()));
  if (out.json()) {
    json::object head;
    head["path"] = to_valid_utf8(command.path);
    head["size"] = resource.size();
    if (to_file) {
      head["file"] = to_valid_utf8(command.output_file);
      return out.document(head);
    }
    std::string text = to_json(head);
    text.back() = ',';  // the value follows in pieces, so that no whole copy of it is left behind
    KBS_OK(out.write(text + "\"resource\":\""));
    KBS_OK(out.secret_base64(resource.expose()));
    return out.line("\"}");
  }
  if (to_file) return {};
  if (command.raw || command.output_file == "-") return out.write(resource.expose());
  KBS_OK(out.secret_base64(resource.expose()));
  return out.line("");
}

}  // namespace

Result<> run_command(const Attest& command, Context& context) {
  KBS_OK(check_init_data(command.guest));
  KBS_TRY(GuestKey key, guest_key(command.guest, context));
  KBS_TRY(auto transport, context.connect(kGuestUserAgent));
  const AttesterSet attesters = detect_attesters(context.sample_device);
  Guest guest(*transport, std::move(key), attesters, command.guest.init_data, context.sleep);
  KBS_TRY(Attested attested, guest.attest());
  if (!context.out.json()) return context.out.line(attested.token.expose_text());
  json::object document;
  document["token"] = attested.token.expose_text();
  return context.out.document(document);
}

Result<> run_command(const GetResource& command, Context& context) {
  if (context.out.json() && (command.raw || command.output_file == "-")) {
    return fail(ErrorKind::invalid_request,
                "raw bytes are no JSON: leave --raw or `--output json` out");
  }
  KBS_TRY(ResourceUri uri, parse_guest_uri(command.path));
  if (!command.attestation_token.empty()) {
    KBS_TRY(Secret resource, fetch_by_passport(command, uri, context));
    return deliver(command, resource, context);
  }
  KBS_TRY(Secret resource, fetch_by_handshake(command, uri, context));
  return deliver(command, resource, context);
}

}  // namespace kbs::client
