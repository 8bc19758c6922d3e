# SPDX-License-Identifier: MIT
# The layers of src/ as targets. What a layer may include is checked by tools/check_layers.py, as part of the build.

# Every target may use the public headers; layers and tests also see src/.
add_library(redstart_headers INTERFACE)
target_include_directories(redstart_headers INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)

# What the layers from net on are built with, and what users of the library need. Asio is compiled once, in
# src/net/asio_impl.cpp.
set(redstart_definitions BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
set(redstart_libraries Boost::headers Boost::json Boost::url Threads::Threads)
if(REDSTART_TLS)
  list(APPEND redstart_libraries OpenSSL::SSL OpenSSL::Crypto)
endif()

add_library(redstart_asio INTERFACE)
target_link_libraries(redstart_asio INTERFACE redstart_headers ${redstart_libraries})
target_compile_definitions(redstart_asio INTERFACE ${redstart_definitions} $<$<BOOL:${REDSTART_TLS}>:REDSTART_TLS=1>)

# redstart_layer(<name> <usage>): the OBJECT library redstart_<name> of src/<name>/*.cpp.
# A layer without a source file has no target.
function(redstart_layer name usage)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(redstart_${name} OBJECT ${sources})
  target_link_libraries(redstart_${name} PRIVATE ${usage})
  redstart_compile_options(redstart_${name})
  if(usage STREQUAL "redstart_asio")
    redstart_use_pch(redstart_${name})
  endif()
  target_sources(redstart PRIVATE $<TARGET_OBJECTS:redstart_${name}>)
endfunction()
