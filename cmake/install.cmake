# SPDX-License-Identifier: MIT
# What `cmake --install` gives: headers, the library, and the two ways to find them.
include(CMakePackageConfigHelpers)

set(redstart_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/redstart)
install(TARGETS redstart EXPORT redstart ARCHIVE FILE_SET HEADERS)
install(EXPORT redstart NAMESPACE redstart:: FILE redstartTargets.cmake DESTINATION ${redstart_config_dir})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/redstartConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/redstartConfig.cmake INSTALL_DESTINATION ${redstart_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/redstartConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/redstartConfig.cmake ${PROJECT_BINARY_DIR}/redstartConfigVersion.cmake
        DESTINATION ${redstart_config_dir})

file(RELATIVE_PATH redstart_pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)  # the package can be moved
list(TRANSFORM redstart_definitions PREPEND "-D" OUTPUT_VARIABLE redstart_pc_definitions)
list(JOIN redstart_pc_definitions " " redstart_pc_definitions)
set(redstart_pc_requires "$<$<BOOL:${REDSTART_TLS}>:libssl libcrypto>")
configure_file(${CMAKE_CURRENT_LIST_DIR}/redstart.pc.in ${PROJECT_BINARY_DIR}/redstart.pc.gen @ONLY)
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/redstart.pc INPUT ${PROJECT_BINARY_DIR}/redstart.pc.gen)
install(FILES ${PROJECT_BINARY_DIR}/redstart.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
