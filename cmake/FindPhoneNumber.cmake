# Finds libphonenumber, which ships a CMake package in its later releases only: PhoneNumber::PhoneNumber,
# PhoneNumber_FOUND. Its headers include those of protobuf and Abseil, and who includes them links protobuf.
find_package(libphonenumber CONFIG QUIET)
foreach(target IN ITEMS libphonenumber::phonenumber-shared libphonenumber::phonenumber)
  if(TARGET ${target})
    set(PhoneNumber_LIBRARY ${target})
    break()
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
set(PhoneNumber_failure "Install libphonenumber (Debian: libphonenumber-dev, vcpkg and Conan: libphonenumber)")
if(TARGET "${PhoneNumber_LIBRARY}")
  find_package_handle_standard_args(
    PhoneNumber REQUIRED_VARS PhoneNumber_LIBRARY REASON_FAILURE_MESSAGE "${PhoneNumber_failure}")
  if(NOT TARGET PhoneNumber::PhoneNumber)
    add_library(PhoneNumber::PhoneNumber INTERFACE IMPORTED)
    target_link_libraries(PhoneNumber::PhoneNumber INTERFACE ${PhoneNumber_LIBRARY})
  endif()
  return()
endif()

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PhoneNumber_pc QUIET protobuf)
endif()

find_path(PhoneNumber_INCLUDE_DIR phonenumbers/phonenumberutil.h)
find_library(PhoneNumber_LIBRARY NAMES phonenumber)
find_path(PhoneNumber_protobuf_INCLUDE_DIR google/protobuf/message.h HINTS ${PhoneNumber_pc_INCLUDEDIR})
find_library(PhoneNumber_protobuf_LIBRARY NAMES protobuf HINTS ${PhoneNumber_pc_LIBDIR})
mark_as_advanced(PhoneNumber_INCLUDE_DIR PhoneNumber_LIBRARY PhoneNumber_protobuf_INCLUDE_DIR
                 PhoneNumber_protobuf_LIBRARY)

find_package_handle_standard_args(
  PhoneNumber
  REQUIRED_VARS PhoneNumber_LIBRARY PhoneNumber_INCLUDE_DIR PhoneNumber_protobuf_LIBRARY
                PhoneNumber_protobuf_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "${PhoneNumber_failure}")

if(PhoneNumber_FOUND AND NOT TARGET PhoneNumber::PhoneNumber)
  add_library(PhoneNumber::PhoneNumber UNKNOWN IMPORTED)
  set_target_properties(
    PhoneNumber::PhoneNumber
    PROPERTIES IMPORTED_LOCATION ${PhoneNumber_LIBRARY}
               INTERFACE_INCLUDE_DIRECTORIES "${PhoneNumber_INCLUDE_DIR};${PhoneNumber_protobuf_INCLUDE_DIR}"
               INTERFACE_LINK_LIBRARIES ${PhoneNumber_protobuf_LIBRARY})
endif()
