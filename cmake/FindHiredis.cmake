# Finds hiredis, whose CMake package older releases lack: Hiredis::Hiredis, Hiredis_FOUND, Hiredis_VERSION.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(Hiredis_pc QUIET hiredis)
endif()

find_path(Hiredis_INCLUDE_DIR hiredis/hiredis.h HINTS ${Hiredis_pc_INCLUDEDIR})
# Its debug build, vcpkg's for one, is named hiredisd and lies in a directory that comes first in debug builds.
find_library(Hiredis_LIBRARY NAMES hiredis hiredisd NAMES_PER_DIR HINTS ${Hiredis_pc_LIBDIR})
set(Hiredis_VERSION ${Hiredis_pc_VERSION})
mark_as_advanced(Hiredis_INCLUDE_DIR Hiredis_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Hiredis
  REQUIRED_VARS Hiredis_LIBRARY Hiredis_INCLUDE_DIR
  VERSION_VAR Hiredis_VERSION
  REASON_FAILURE_MESSAGE "Install hiredis (Debian: libhiredis-dev, vcpkg and Conan: hiredis)")

if(Hiredis_FOUND AND NOT TARGET Hiredis::Hiredis)
  add_library(Hiredis::Hiredis UNKNOWN IMPORTED)
  set_target_properties(
    Hiredis::Hiredis PROPERTIES IMPORTED_LOCATION ${Hiredis_LIBRARY}
                                INTERFACE_INCLUDE_DIRECTORIES ${Hiredis_INCLUDE_DIR})
endif()
