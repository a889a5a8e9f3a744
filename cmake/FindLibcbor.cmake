# Finds libcbor, which ships a CMake package in its later releases only: Libcbor::Libcbor, Libcbor_FOUND,
# Libcbor_VERSION.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(Libcbor_pc QUIET libcbor)
endif()

find_path(Libcbor_INCLUDE_DIR cbor/streaming.h HINTS ${Libcbor_pc_INCLUDEDIR})
find_library(Libcbor_LIBRARY NAMES cbor HINTS ${Libcbor_pc_LIBDIR})
set(Libcbor_VERSION ${Libcbor_pc_VERSION})
mark_as_advanced(Libcbor_INCLUDE_DIR Libcbor_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Libcbor
  REQUIRED_VARS Libcbor_LIBRARY Libcbor_INCLUDE_DIR
  VERSION_VAR Libcbor_VERSION
  REASON_FAILURE_MESSAGE "Install libcbor (Debian: libcbor-dev, vcpkg and Conan: libcbor)")

if(Libcbor_FOUND AND NOT TARGET Libcbor::Libcbor)
  add_library(Libcbor::Libcbor UNKNOWN IMPORTED)
  set_target_properties(
    Libcbor::Libcbor PROPERTIES IMPORTED_LOCATION ${Libcbor_LIBRARY}
                                INTERFACE_INCLUDE_DIRECTORIES ${Libcbor_INCLUDE_DIR})
endif()
