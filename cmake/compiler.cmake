# Compiler, warnings, hardening and sanitizers, the same for every target of ours.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines (double destruction of temporaries in co_await). "
    "Use clang++-19 (what we ship) or g++ 13 and newer: cmake --preset dev, or -DCMAKE_CXX_COMPILER=clang++-19")
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # Paths relative to the tree, so that build folders share their objects.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_library(kbs_options INTERFACE)
target_compile_options(kbs_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Wnull-dereference -Werror
  -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_include_directories(kbs_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(kbs_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION BOOST_ALL_NO_LIB
  BOOST_ASIO_DISABLE_BOOST_COROUTINE _GNU_SOURCE)
find_program(LLD NAMES ld.lld-19 ld.lld)
if(LLD)
  target_link_options(kbs_options INTERFACE -fuse-ld=lld)
endif()

set(KBS_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
if(KBS_SANITIZE)
  target_compile_options(kbs_options INTERFACE -fsanitize=${KBS_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(kbs_options INTERFACE -fsanitize=${KBS_SANITIZE})
endif()

option(KBS_HARDEN "Hardening flags of a release" OFF)
if(KBS_HARDEN)
  target_compile_options(kbs_options INTERFACE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
    -fstack-clash-protection -ftrivial-auto-var-init=zero)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    target_compile_options(kbs_options INTERFACE -fcf-protection=full)
  endif()
  target_link_options(kbs_options INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
    -Wl,--gc-sections -Wl,--as-needed)
  target_compile_options(kbs_options INTERFACE -ffunction-sections -fdata-sections)
endif()

# kbs_library(name SOURCES a.cc … DEPS lib …): one library of ours; DEPS are visible to its users.
function(kbs_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC kbs_options ${ARG_DEPS})
endfunction()

# kbs_test(name SOURCES a_test.cc … DEPS lib …): one test program, run by scripts/test and ctest.
function(kbs_test name)
  cmake_parse_arguments(ARG "THREADED" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE kbs_options ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_property(GLOBAL APPEND PROPERTY KBS_TESTS ${name})
  if(ARG_THREADED)
    set_property(GLOBAL APPEND PROPERTY KBS_THREADED_TESTS ${name})
  endif()
endfunction()
