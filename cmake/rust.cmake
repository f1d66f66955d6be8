# The one Rust static library: Rego and regular expressions (src/policy/engine). Its dependencies are pinned by
# Cargo.lock; cargo takes them from its cache when they are there, so only the first build needs the registry.
# Without any: `cargo vendor`, the source replacement it prints in a .cargo/config.toml, and
# -DKBS_CARGO_FLAGS=--offline.
find_program(CARGO cargo REQUIRED)
set(KBS_CARGO_FLAGS "" CACHE STRING "More arguments for cargo build, as a list: --offline")
set(KBS_ENGINE_DIR ${CMAKE_SOURCE_DIR}/src/policy/engine)
set(KBS_ENGINE_TARGET_DIR ${CMAKE_BINARY_DIR}/engine CACHE PATH "Where cargo builds; shared between presets to save time")
set(KBS_ENGINE_LIB ${KBS_ENGINE_TARGET_DIR}/release/libkbs_engine.a)
file(GLOB_RECURSE KBS_ENGINE_SOURCES CONFIGURE_DEPENDS ${KBS_ENGINE_DIR}/src/*.rs)
# Touched, because cargo leaves the library alone when a dependency is newer but the same: ninja would ask again
# at each build.
add_custom_command(
  OUTPUT ${KBS_ENGINE_LIB}
  COMMAND ${CARGO} build --release --locked --quiet --manifest-path ${KBS_ENGINE_DIR}/Cargo.toml
          --target-dir ${KBS_ENGINE_TARGET_DIR} ${KBS_CARGO_FLAGS}
  COMMAND ${CMAKE_COMMAND} -E touch_nocreate ${KBS_ENGINE_LIB}
  DEPENDS ${KBS_ENGINE_SOURCES} ${KBS_ENGINE_DIR}/Cargo.toml ${KBS_ENGINE_DIR}/Cargo.lock
  COMMENT "cargo build (policy engine)" VERBATIM)
add_custom_target(kbs_engine_build DEPENDS ${KBS_ENGINE_LIB})
add_library(kbs_engine STATIC IMPORTED GLOBAL)
set_target_properties(kbs_engine PROPERTIES IMPORTED_LOCATION ${KBS_ENGINE_LIB}
  INTERFACE_LINK_LIBRARIES "Threads::Threads;dl;m")
add_dependencies(kbs_engine kbs_engine_build)
