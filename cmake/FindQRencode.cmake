# Finds libqrencode, which ships no CMake package: QRencode::QRencode, QRencode_FOUND, QRencode_VERSION.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(QRencode_pc QUIET libqrencode)
endif()

find_path(QRencode_INCLUDE_DIR qrencode.h HINTS ${QRencode_pc_INCLUDEDIR})
# Its debug build, vcpkg's for one, is named qrencoded and lies in a directory that comes first in debug builds.
find_library(QRencode_LIBRARY NAMES qrencode qrencoded NAMES_PER_DIR HINTS ${QRencode_pc_LIBDIR})
set(QRencode_VERSION ${QRencode_pc_VERSION})
mark_as_advanced(QRencode_INCLUDE_DIR QRencode_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  QRencode
  REQUIRED_VARS QRencode_LIBRARY QRencode_INCLUDE_DIR
  VERSION_VAR QRencode_VERSION
  REASON_FAILURE_MESSAGE "Install libqrencode (Debian: libqrencode-dev, vcpkg and Conan: libqrencode)")

if(QRencode_FOUND AND NOT TARGET QRencode::QRencode)
  add_library(QRencode::QRencode UNKNOWN IMPORTED)
  set_target_properties(
    QRencode::QRencode PROPERTIES IMPORTED_LOCATION ${QRencode_LIBRARY}
                                  INTERFACE_INCLUDE_DIRECTORIES ${QRencode_INCLUDE_DIR})
endif()
