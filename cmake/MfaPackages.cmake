# `cpack -G TGZ` and `cpack -G DEB`. What Debian's package says of itself is said in packaging/debian/control alone.
set(mfa_control_file ${PROJECT_SOURCE_DIR}/packaging/debian/control)
if(NOT EXISTS ${mfa_control_file})
  return()
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${mfa_control_file})
file(READ ${mfa_control_file} mfa_control)

# mfa_control_field(<variable> <field>): its lines, without what debhelper fills in.
function(mfa_control_field variable field)
  if(NOT mfa_control MATCHES "\n${field}:[ \n]*([^\n]*(\n [^\n]*)*)")
    message(FATAL_ERROR "${mfa_control_file} has no field ${field}.")
  endif()
  string(REGEX REPLACE "\n \\\${[^\n]*" "" value "${CMAKE_MATCH_1}")
  string(REGEX REPLACE ",$" "" value "${value}")
  string(REPLACE "\n " "\n" value "${value}")
  set(${variable} "${value}" PARENT_SCOPE)
endfunction()

# The same headers for every system.
set(CPACK_PACKAGE_NAME mfa-cpp)
set(CPACK_PACKAGE_FILE_NAME mfa-cpp-${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "The mfa-cpp authors")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR TGZ)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
mfa_control_field(CPACK_DEBIAN_PACKAGE_NAME Package)
mfa_control_field(CPACK_DEBIAN_PACKAGE_ARCHITECTURE Architecture)
mfa_control_field(CPACK_DEBIAN_PACKAGE_MAINTAINER Maintainer)
mfa_control_field(CPACK_DEBIAN_PACKAGE_SECTION Section)
mfa_control_field(CPACK_DEBIAN_PACKAGE_DEPENDS Depends)
mfa_control_field(CPACK_DEBIAN_PACKAGE_SUGGESTS Suggests)
string(REPLACE "\n" " " CPACK_DEBIAN_PACKAGE_DEPENDS "${CPACK_DEBIAN_PACKAGE_DEPENDS}")
string(REPLACE "\n" " " CPACK_DEBIAN_PACKAGE_SUGGESTS "${CPACK_DEBIAN_PACKAGE_SUGGESTS}")
mfa_control_field(mfa_description Description)
string(REGEX MATCH "^([^\n]*)\n(.*)$" mfa_description "${mfa_description}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${CMAKE_MATCH_1}")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "${CMAKE_MATCH_2}")

# The licence asks to go with every copy. Those who install without CPack have it in the source tree.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_PACKAGE_NAME} RENAME copyright
        COMPONENT licence EXCLUDE_FROM_ALL)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};mfa;ALL;/;${PROJECT_BINARY_DIR};mfa;licence;/")

include(CPack)
