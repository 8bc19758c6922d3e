# SPDX-License-Identifier: MIT
# How things are compiled: cache, linker, sanitizers and warnings. Nothing here reaches the users of the library.

if(PROJECT_IS_TOP_LEVEL)
  find_program(REDSTART_CCACHE ccache)
  if(REDSTART_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Without this sloppiness ccache caches nothing that uses a precompiled header.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        ${REDSTART_CCACHE})
  endif()
  find_program(REDSTART_MOLD mold)
  if(REDSTART_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")  # or ccache sees a new header after every clean build
  endif()
endif()

if(REDSTART_SANITIZE)
  add_compile_options(-fsanitize=${REDSTART_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${REDSTART_SANITIZE})
endif()

if(REDSTART_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "REDSTART_FUZZ needs Clang, which brings libFuzzer; the preset fuzz has it")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)  # counts which branches are taken; the targets alone link the rest
endif()

# How each target of this repository is compiled. PIC everywhere: the library ends up in Python modules too, and one
# precompiled header serves only targets with equal flags.
function(redstart_compile_options target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -fPIC -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion)
  if(REDSTART_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # All of them warn about correct code here when optimizing: about coroutine frames, and about concatenation of
    # std::string (GCC bug 105329).
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds
                                             -Wno-mismatched-new-delete)
  endif()
endfunction()

# Lets `target`, which uses Asio, take part in the one precompiled header.
function(redstart_use_pch target)
  if(NOT REDSTART_PCH)
    return()
  endif()
  if(NOT TARGET redstart_pch)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/pch.cpp CONTENT "// Carries the precompiled header.\n")
    add_library(redstart_pch OBJECT ${PROJECT_BINARY_DIR}/pch.cpp)
    target_link_libraries(redstart_pch PRIVATE ${redstart_libraries})
    target_compile_definitions(redstart_pch PRIVATE ${redstart_definitions})
    redstart_compile_options(redstart_pch)
    target_precompile_headers(redstart_pch PRIVATE <boost/asio.hpp> <boost/json.hpp> <chrono> <functional> <map> <memory>
                              <optional> <string> <string_view> <unordered_map> <variant> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM redstart_pch)
endfunction()
