# SPDX-License-Identifier: MIT
# cmake -DKIND=find_package|add_subdirectory|pkg_config -DBUILD=<build folder of redstart> -DCOMPILER=… -DCCACHE=…
#       -DFLAGS=… -P run.cmake
# Builds a user's project in <BUILD>/packaging/<KIND> and runs it.

set(work ${BUILD}/packaging/${KIND})
set(prefix ${work}/prefix)
if(CCACHE)
  set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} ${CCACHE})
endif()

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(NOT KIND STREQUAL "add_subdirectory")
  file(REMOVE_RECURSE ${work})
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/staging)
  file(RENAME ${work}/staging ${prefix})  # nothing may depend on where it was installed first
endif()

if(KIND STREQUAL "pkg_config")
  file(GLOB_RECURSE pc ${prefix}/*/redstart.pc)
  cmake_path(GET pc PARENT_PATH folder)
  set(ENV{PKG_CONFIG_PATH} ${folder})
  execute_process(COMMAND pkg-config --cflags --libs redstart OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${COMPILER} ${CMAKE_CURRENT_LIST_DIR}/main.cpp -o ${work}/consumer ${flags})
else()
  # The build folder of add_subdirectory is kept: it builds the whole library, and the next time only what changed.
  run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR}/${KIND} -B ${work} -DCMAKE_PREFIX_PATH=${prefix}
      -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_CXX_FLAGS=${FLAGS}")
  run(${CMAKE_COMMAND} --build ${work} --target consumer)
endif()
run(${work}/consumer)
