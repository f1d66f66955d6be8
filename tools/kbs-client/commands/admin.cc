/// Keys and tokens for administrators, without a server.

#include <unistd.h>

#include <boost/json/object.hpp>

#include "kbs-client/commands/commands.h"
#include "kbs-client/files.h"

namespace kbs::client {

Result<> run_command(const Keygen& command, Context& context) {
  const std::string public_file = command.file + ".pub";
  KBS_TRY(crypto::PrivateKey key, crypto::PrivateKey::generate(crypto::KeyType::ed25519));
  KBS_OK(create_file(command.file, key.to_pkcs8_pem().expose(), 0600));
  auto written = create_file(public_file, as_bytes(key.public_key().to_pem()), 0644);
  if (!written) {
    ::unlink(command.file.c_str());  // half a pair would only be in the way
    return tl::unexpected(std::move(written).error());
  }
  if (context.out.json()) {
    json::object document;
    document["private_key"] = to_valid_utf8(command.file);
    document["public_key"] = to_valid_utf8(public_file);
    return context.out.document(document);
  }
  return context.out.line("Private key: " + command.file + "\nPublic key: " + public_file);
}

Result<> run_command(const MakeToken& command, Context& context) {
  KBS_TRY(std::chrono::seconds lifetime, parse_lifetime(command.lifetime));
  auto read = read_private_key(command.key_file);
  if (!read) context.say("Failed to read: " + command.key_file);
  KBS_TRY(crypto::PrivateKey key, std::move(read));
  const AdminClaims claims{.role = command.role,
                           .issuer = command.issuer,
                           .audience = command.audience,
                           .lifetime = lifetime};
  KBS_TRY(Secret token, sign_admin_token(key, claims, context.clock.now()));
  if (command.output_file.empty() || command.output_file == "-") {
    if (!context.out.json()) return context.out.line(token.expose_text());
    json::object document;
    document["token"] = token.expose_text();
    return context.out.document(document);
  }
  KBS_OK(replace_file(command.output_file, token.expose()));
  if (!context.out.json()) return {};
  json::object document;
  document["file"] = to_valid_utf8(command.output_file);
  return context.out.document(document);
}

}  // namespace kbs::client
