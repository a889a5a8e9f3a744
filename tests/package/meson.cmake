# By Meson: through the CMake package, as a subproject, and installed.
mfa_needs_of(package_meson package_meson_found libraries meson sqlite)
if(package_meson_found)
  add_test(NAME package_meson
           COMMAND sh -ec "rm -rf \"$2\"; meson setup \"$2\" \"$1\" --cmake-prefix-path \"$3\" && meson test -C \"$2\""
                   sh ${CMAKE_CURRENT_SOURCE_DIR}/meson_consumer ${CMAKE_CURRENT_BINARY_DIR}/meson ${prefix})
  set(meson sh ${CMAKE_CURRENT_SOURCE_DIR}/meson.sh)
  add_test(NAME package_meson_subproject
           COMMAND ${meson} subproject ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/meson_subproject)
  add_test(NAME package_meson_install
           COMMAND ${meson} install ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/meson_install ${prefix})
  set_tests_properties(package_meson package_meson_install PROPERTIES FIXTURES_REQUIRED installed)
  set_tests_properties(
    package_meson package_meson_subproject package_meson_install PROPERTIES ENVIRONMENT CXX=${CMAKE_CXX_COMPILER})
endif()
