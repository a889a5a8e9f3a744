# As Debian's packages: by packaging/debian, and by CPack.
set(work ${CMAKE_CURRENT_BINARY_DIR}/debian)
set(cpack sh ${CMAKE_CURRENT_SOURCE_DIR}/cpack.sh)
set(environment "CMAKE_GENERATOR=${CMAKE_GENERATOR};CXX=${CMAKE_CXX_COMPILER}")

mfa_needs_of(package_cpack_tgz package_cpack_tgz_found libraries sqlite)
if(package_cpack_tgz_found)
  add_test(NAME package_cpack_tgz COMMAND ${cpack} TGZ ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/cpack_tgz
                                          ${prefix})
  set_tests_properties(package_cpack_tgz PROPERTIES FIXTURES_REQUIRED installed ENVIRONMENT "${environment}")
endif()

mfa_needs_of(package_debian package_debian_found libraries sqlite dpkg_buildpackage debhelper)
if(package_debian_found)
  set(debian sh ${CMAKE_CURRENT_SOURCE_DIR}/debian.sh)
  add_test(NAME package_debian COMMAND ${debian} build ${PROJECT_SOURCE_DIR} ${work})
  set_tests_properties(package_debian PROPERTIES FIXTURES_SETUP debian_package)
  add_test(NAME package_debian_consumer COMMAND ${debian} use ${PROJECT_SOURCE_DIR} ${work} ${prefix})
  add_test(NAME package_cpack_deb COMMAND ${cpack} DEB ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/cpack_deb
                                          ${prefix} ${work})
  set_tests_properties(
    package_debian_consumer package_cpack_deb PROPERTIES FIXTURES_REQUIRED "debian_package;installed"
                                                         ENVIRONMENT "${environment}")
endif()

# What the package depends on, and suggests.
mfa_needs_of(package_debian_control package_debian_control_found libraries ${mfa_components} dpkg_buildpackage)
if(package_debian_control_found)
  set(needs "")
  foreach(component IN LISTS mfa_components)
    list(APPEND needs ${mfa_${component}_PKG_CONFIG} ${mfa_${component}_WITHOUT_PKG_CONFIG})
  endforeach()
  list(JOIN needs "\n" needs)
  list(JOIN mfa_core_PKG_CONFIG "\n" core_needs)
  add_test(NAME package_debian_control
           COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/debian_control.sh ${PROJECT_SOURCE_DIR} "${core_needs}"
                   "${needs}")
endif()
