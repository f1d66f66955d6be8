#include "kbs-client/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/file.h"

namespace kbs::client {
namespace {

constexpr std::size_t kLargestAnswer = 64u << 20;
constexpr long kConnectTimeoutMs = 10'000;

/// A header list that leaves no token behind in freed memory.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() {
    for (curl_slist* item = list_; item; item = item->next)
      wipe(item->data, std::strlen(item->data));
    curl_slist_free_all(list_);
  }
  bool add(const char* header) {
    curl_slist* longer = curl_slist_append(list_, header);
    if (longer) list_ = longer;
    return longer != nullptr;
  }
  curl_slist* get() const noexcept { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

struct Answer {
  HttpResponse response;
  SecretBytes body;
  bool too_large = false;
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* into) {
  auto& answer = *static_cast<Answer*>(into);
  if (answer.body.size() + size > kLargestAnswer) {
    answer.too_large = true;
    return 0;  // curl ends the transfer with CURLE_WRITE_ERROR
  }
  auto bytes = as_bytes(std::string_view(data, size));
  answer.body.insert(answer.body.end(), bytes.begin(), bytes.end());
  return size;
}

/// Header names are ASCII and of any case.
bool has_name(std::string_view line, std::string_view name) {
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  return line.size() > name.size() && line[name.size()] == ':' &&
         std::equal(name.begin(), name.end(), line.begin(), same);
}

std::string_view header_value(std::string_view line) {
  line.remove_prefix(line.find(':') + 1);
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  const std::size_t last = line.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos || last < first ? std::string_view{}
                                                        : line.substr(first, last - first + 1);
}

/// A field that is one decimal number.
std::optional<std::uint64_t> number_in(std::string_view line) {
  const std::string_view value = header_value(line);
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || error != std::errc{} || end != value.data() + value.size()) return {};
  return number;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* into) {
  HttpResponse& response = static_cast<Answer*>(into)->response;
  const std::string_view line(data, size);
  if (has_name(line, "Retry-After")) {
    // Delta-seconds only: an HTTP-date is not what a KBS sends.
    if (const auto seconds = number_in(line); seconds && *seconds <= INT32_MAX)
      response.retry_after = std::chrono::seconds(*seconds);
  } else if (has_name(line, "ETag")) {
    response.etag = header_value(line);
  } else if (has_name(line, "X-Resource-Size")) {
    response.resource_size = number_in(line);
  } else if (has_name(line, "Set-Cookie")) {
    if (std::string cookie = session_cookie_from(header_value(line)); !cookie.empty()) {
      response.session_cookie = std::move(cookie);
    }
  }
  return size;
}

/// The system's bundle and the caller's certificate in one text: libcurl takes one bundle.
std::string trust_bundle(const std::string& extra_pem) {
  std::string bundle;
  if (const char* path = curl_version_info(CURLVERSION_NOW)->cainfo) {
    // A minimal image may have no bundle; then the caller's certificate is all there is to trust.
    if (auto system = read_file(path)) bundle = std::move(*system) + '\n';
  }
  return bundle + extra_pem;
}

/// A proxy of the environment cannot reach this machine's own loopback.
bool is_loopback(std::string_view url) {
  const std::string_view host = url.substr(url.find("://") + 3);
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

std::string advice_for(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return "is the KBS running there? Name it with --url before the command";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return "name the certificate to trust with --cert-file before the command, and use a host "
             "name it is for";
    case CURLE_OPERATION_TIMEDOUT:
      return "the KBS did not answer in time; try again later";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
      return "does the KBS speak HTTPS there (https://) or plain HTTP (http://)?";
    default:
      return "check --url";
  }
}

}  // namespace

struct HttpClient::Curl {
  CURL* handle = nullptr;
  std::string trust;
  char error[CURL_ERROR_SIZE] = {};
  CURLcode setup = CURLE_OK;

  explicit Curl(const HttpOptions& options);
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() { curl_easy_cleanup(handle); }

  /// The first failure is kept: every option set here matters.
  template <class T>
  void set(CURLoption option, T value) {
    const CURLcode code = curl_easy_setopt(handle, option, value);
    if (setup == CURLE_OK) setup = code;
  }
  void trust_also(const std::string& extra_pem);
  void begin(const std::string& url, const HttpRequest& request, Answer& answer);
  bool add_headers(const HttpRequest& request, HeaderList& headers);
};

HttpClient::Curl::Curl(const HttpOptions& options) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  setup = global;
  handle = curl_easy_init();
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(error));
  set(CURLOPT_PATH_AS_IS, 1L);  // the server judges dots, not we
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  if (is_loopback(options.url)) set(CURLOPT_PROXY, "");
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  set(CURLOPT_COOKIEFILE,
      "");  // the cookie engine, without a file; once, for each further call leaks
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  // Reading the system's bundle takes time: not for plain HTTP.
  if (!options.extra_ca_pem.empty() && options.url.starts_with("https:"))
    trust_also(options.extra_ca_pem);
}

void HttpClient::Curl::trust_also(const std::string& extra_pem) {
  trust = trust_bundle(extra_pem);
  curl_blob blob{.data = trust.data(), .len = trust.size(), .flags = CURL_BLOB_NOCOPY};
  set(CURLOPT_CAINFO_BLOB, &blob);
}

void HttpClient::Curl::begin(const std::string& url, const HttpRequest& request, Answer& answer) {
  error[0] = '\0';
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_WRITEDATA, &answer);
  set(CURLOPT_HEADERDATA, &answer);
  set(CURLOPT_HTTPGET, 1L);  // takes back whatever the request before asked for
  if (request.method == Method::head) set(CURLOPT_NOBODY, 1L);
  set(CURLOPT_CUSTOMREQUEST, request.method == Method::remove ? "DELETE" : nullptr);
  if (request.method == Method::post) {
    const std::string_view body = request.body ? request.body->expose_text() : std::string_view{};
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    // Borrowed, not copied. An empty vector's data() may be null, which would mean "read a
    // callback".
    set(CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
  }
}

bool HttpClient::Curl::add_headers(const HttpRequest& request, HeaderList& headers) {
  bool ok = headers.add("Expect:");  // a KBS answers in one round; do not wait for 100 Continue
  if (request.body) {
    // An empty value takes curl's own Content-Type (a form's) out.
    ok = ok && headers.add(("Content-Type: " + std::string(request.content_type)).c_str());
  }
  if (!request.if_match.empty()) ok = ok && headers.add(("If-Match: " + request.if_match).c_str());
  if (request.if_absent) ok = ok && headers.add("If-None-Match: *");
  if (request.bearer) {
    constexpr std::string_view kScheme = "Authorization: Bearer ";
    SecretBytes line;
    auto append = [&](std::span<const std::byte> bytes) {
      line.insert(line.end(), bytes.begin(), bytes.end());
    };
    line.reserve(kScheme.size() + request.bearer->size() + 1);
    append(as_bytes(kScheme));
    append(request.bearer->expose());
    line.push_back(std::byte{0});
    ok = ok && headers.add(reinterpret_cast<const char*>(line.data()));
  }
  set(CURLOPT_HTTPHEADER, headers.get());
  return ok;
}

HttpClient::HttpClient(HttpOptions options, std::unique_ptr<Curl> curl)
    : options_(std::move(options)), curl_(std::move(curl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::make(HttpOptions options) {
  KBS_TRY(options.url, normal_base_url(options.url));
  auto curl = std::make_unique<Curl>(options);
  if (!curl->handle || curl->setup != CURLE_OK)
    return fail(ErrorKind::internal, "libcurl does not start");
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(options), std::move(curl)));
}

Result<HttpResponse> HttpClient::send(const HttpRequest& request) {
  const std::string url = options_.url + request.target;
  Answer answer;
  HeaderList headers;
  curl_->begin(url, request, answer);
  const bool complete = curl_->add_headers(request, headers);
  if (!complete || curl_->setup != CURLE_OK) {
    return fail(ErrorKind::internal,
                "cannot set up the request: " + std::string(curl_easy_strerror(curl_->setup)));
  }
  const CURLcode code = curl_easy_perform(curl_->handle);
  if (answer.too_large) {
    return fail(ErrorKind::too_large, "the answer of " + options_.url + " is larger than 64 MiB");
  }
  if (code != CURLE_OK) {
    const char* why = curl_->error[0] ? curl_->error : curl_easy_strerror(code);
    return fail(ErrorKind::unavailable,
                "error sending request to " + options_.url + ": " + why + "; " + advice_for(code));
  }
  long status = 0;
  curl_easy_getinfo(curl_->handle, CURLINFO_RESPONSE_CODE, &status);
  answer.response.status = static_cast<int>(status);
  answer.response.body = Secret(std::move(answer.body));
  return std::move(answer.response);
}

Result<std::string> normal_base_url(std::string_view url) {
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  while (url.ends_with('/') && url.size() > scheme) url.remove_suffix(1);
  // Whatever begins a query or fragment, or cannot stand in a URL, would swallow the path we
  // append.
  bool ok = scheme != 0 && url.size() > scheme && url[scheme] != '/';
  for (char c : url)
    ok = ok && static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '?' && c != '#';
  if (ok) return std::string(url);
  return fail(ErrorKind::invalid_request,
              "--url must be the root of a KBS, as in https://kbs.example.com:8080, not `" +
                  to_valid_utf8(url) + "`");
}

std::string session_cookie_from(std::string_view set_cookie) {
  constexpr std::string_view kName = "kbs-session-id=";
  if (!set_cookie.starts_with(kName)) return {};
  set_cookie.remove_prefix(kName.size());
  return std::string(set_cookie.substr(0, set_cookie.find(';')));
}

}  // namespace kbs::client
