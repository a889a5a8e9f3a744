# Of the tree that this port lies in. A registry's port takes a release instead, by vcpkg_from_github.
set(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../..")

set(VCPKG_BUILD_TYPE release) # header-only port

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DMFA_BUILD_EXAMPLES=OFF
        -DMFA_BUILD_TESTS=OFF
        -DMFA_INSTALL=ON
)

vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME mfa CONFIG_PATH share/cmake/mfa)

# pkg-config modules only of features, whose requirements are installed.
foreach(component IN ITEMS curl phonenumber postgres pskc redis sqlite webauthn workos)
    if(NOT component IN_LIST FEATURES)
        file(REMOVE "${CURRENT_PACKAGES_DIR}/share/pkgconfig/mfa-${component}.pc")
    endif()
endforeach()
vcpkg_fixup_pkgconfig()

vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
