// Our JOSE code as a filter, so that another implementation can be held against it:
//   jose_tool encrypt JWK          plaintext on stdin, JWE on stdout
//   jose_tool decrypt KEY          JWE on stdin, plaintext on stdout
//   jose_tool sign ALG KEY         payload on stdin, compact JWS on stdout
//   jose_tool verify ALG KEY       compact JWS on stdin, payload on stdout
// JWK and KEY are files: a JWK, or (for decrypt, sign and verify) a PEM. Exit 0, or 1 with the
// reason on stderr.
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/jwe.h"
#include "crypto/jws.h"

namespace kbs::crypto {
namespace {

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string read_key_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return read_all(file);
}

bool is_json(std::string_view text) { return text.starts_with('{'); }

Result<PrivateKey> private_key(const char* path) {
  const std::string text = read_key_file(path);
  if (!is_json(text)) return PrivateKey::from_pem(text);
  KBS_TRY(const json::object jwk, parse_json_object(text));
  return PrivateKey::from_jwk(jwk);
}

Result<PublicKey> public_key(const char* path) {
  const std::string text = read_key_file(path);
  if (!is_json(text)) return PublicKey::from_pem(text);
  KBS_TRY(const json::object jwk, parse_json_object(text));
  return PublicKey::from_jwk(jwk);
}

Result<JwsAlgorithm> algorithm(std::string_view name) {
  if (auto found = jws_algorithm_from(name)) return *found;
  return fail(ErrorKind::unsupported, "unsupported algorithm");
}

Result<std::string> encrypt(const char* path, std::string_view plaintext) {
  KBS_TRY(const json::value jwk, parse_json(read_key_file(path)));
  KBS_TRY(const TeePublicKey to, TeePublicKey::from_jwk(jwk));
  return encrypt_jwe(to, as_bytes(plaintext));
}

Result<std::string> decrypt(const char* path, std::string_view jwe) {
  KBS_TRY(const PrivateKey key, private_key(path));
  KBS_TRY(const Secret plaintext, decrypt_jwe(key, jwe));
  return std::string(plaintext.expose_text());
}

Result<std::string> sign(std::string_view name, const char* path, std::string_view payload) {
  KBS_TRY(const JwsAlgorithm alg, algorithm(name));
  KBS_TRY(const PrivateKey key, private_key(path));
  return sign_jws(R"({"alg":")" + std::string(name) + R"(","typ":"JWT"})", payload, key, alg);
}

Result<std::string> verify(std::string_view name, const char* path, std::string_view token) {
  KBS_TRY(const JwsAlgorithm alg, algorithm(name));
  KBS_TRY(const PublicKey key, public_key(path));
  KBS_TRY(const ParsedJws jws, parse_jws(token));
  KBS_OK(verify_jws(jws, key, alg));
  KBS_TRY(const Bytes payload, jws.payload());
  return std::string(as_text(payload));
}

Result<std::string> run(std::span<char*> args) {
  const std::string_view command = args.size() > 1 ? args[1] : "";
  if (command == "encrypt" && args.size() == 3) return encrypt(args[2], read_all(std::cin));
  if (command == "decrypt" && args.size() == 3) return decrypt(args[2], read_all(std::cin));
  if (command == "sign" && args.size() == 4) return sign(args[2], args[3], read_all(std::cin));
  if (command == "verify" && args.size() == 4) return verify(args[2], args[3], read_all(std::cin));
  return fail(ErrorKind::invalid_request,
              "usage: jose_tool encrypt JWK | decrypt KEY | sign ALG KEY | verify ALG KEY");
}

}  // namespace
}  // namespace kbs::crypto

int main(int argc, char** argv) {
  const auto result = kbs::crypto::run({argv, static_cast<std::size_t>(argc)});
  if (!result) {
    std::cerr << kbs::describe(result.error()) << '\n';
    return 1;
  }
  std::cout << *result;
  return 0;
}
