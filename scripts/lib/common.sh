# Shared by the scripts beside it. Source it; it changes to the repository's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ROOT=$PWD
export VOUCHSAFE_VECTORS=${VOUCHSAFE_VECTORS:-$ROOT/../shared/vectors}

say() { printf '== %s\n' "$*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

PACKAGES=(clang-19 lld-19 llvm-19 libclang-rt-19-dev clang-tidy-19 clang-format-19 cmake ninja-build pkg-config ccache
  libboost1.81-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libtomlplusplus-dev libyaml-cpp-dev libcli11-dev
  libgtest-dev libgmock-dev libexpected-dev libspdlog-dev python3 python3-venv openssl ca-certificates)

# Installs what is missing and nothing else.
install_packages() {
  local missing=() name
  for name in "${PACKAGES[@]}" "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  command -v cargo >/dev/null 2>&1 || missing+=(cargo-web)
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build PRESET [TARGET…]
build() {
  local preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" ${1:+--target "$@"}
}

# The python with the packages of tests/requirements.txt, in build/venv.
python_env() {
  local stamp=build/venv/.requirements
  if ! cmp -s tests/requirements.txt "$stamp"; then
    python3 -m venv build/venv
    build/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$stamp"
  fi
}
