# How this library's targets are declared and installed: one for the core, one for each component.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(mfa_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/mfa)

# Found, not listed: a header that a list forgets would be missing from the installed package alone.
file(GLOB_RECURSE mfa_core_headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} include/*.hpp)
set(mfa_components "")

# mfa_library(<target> <name> HEADERS <path>... [ADAPTERS <path>...] LIBRARIES <target>...)
function(mfa_library target name)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "HEADERS;ADAPTERS;LIBRARIES")
  add_library(${target} INTERFACE)
  add_library(mfa::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS include FILES ${arg_HEADERS})
  set(adapters "")
  if(arg_ADAPTERS)
    target_sources(${target} INTERFACE FILE_SET adapters TYPE HEADERS BASE_DIRS include FILES ${arg_ADAPTERS})
    set(adapters FILE_SET adapters)
  endif()
  target_link_libraries(${target} INTERFACE ${arg_LIBRARIES})
  if(MFA_INSTALL)
    # The second for those who read the package without file sets, as Meson does.
    install(TARGETS ${target} EXPORT ${target} FILE_SET HEADERS ${adapters} INCLUDES DESTINATION
                                                                            ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT ${target} FILE ${target}.cmake NAMESPACE mfa:: DESTINATION ${mfa_package_dir})
  endif()
endfunction()

# mfa_component(<name> HEADERS_LIKE <regex> PACKAGES "<package> [<version>]"... LIBRARIES <target>...
#               PKG_CONFIG "<module> [>= <version>]"... [WITHOUT_PKG_CONFIG <library>...])
# takes the headers whose paths match out of the core's. Only programs that link mfa::<name> need its packages.
macro(mfa_component name)
  cmake_parse_arguments(mfa_${name} "" "HEADERS_LIKE" "PACKAGES;LIBRARIES;PKG_CONFIG;WITHOUT_PKG_CONFIG" ${ARGN})
  list(APPEND mfa_components ${name})

  set(mfa_${name}_found ON)
  set(mfa_${name}_missing "")
  foreach(package IN LISTS mfa_${name}_PACKAGES)
    separate_arguments(arguments UNIX_COMMAND "${package}")
    find_package(${arguments} QUIET)
    list(GET arguments 0 found)
    if(NOT ${found}_FOUND)
      set(mfa_${name}_found OFF)
      string(REPLACE " MODULE" "" package "${package}")
      list(APPEND mfa_${name}_missing "${package}")
    endif()
  endforeach()

  # What stands in the place of a library that is not here is CMake's message to whoever links the component. An
  # installed package looks for it where it is used.
  if(NOT mfa_${name}_found AND NOT MFA_INSTALL)
    list(JOIN mfa_${name}_missing " and " mfa_${name}_missing)
    set(mfa_${name}_LIBRARIES "mfa::${name} needs ${mfa_${name}_missing}: install it, or do not link mfa::${name}")
  endif()

  set(mfa_${name}_headers ${mfa_core_headers})
  list(FILTER mfa_${name}_headers INCLUDE REGEX ${mfa_${name}_HEADERS_LIKE})
  list(FILTER mfa_core_headers EXCLUDE REGEX ${mfa_${name}_HEADERS_LIKE})
  mfa_library(
    mfa_${name} ${name}
    HEADERS ${mfa_${name}_headers}
    LIBRARIES mfa ${mfa_${name}_LIBRARIES})
endmacro()

# mfa_adapters(HEADERS_LIKE <regex>) takes out those that are installed with the core's and compiled by their tests alone.
macro(mfa_adapters)
  cmake_parse_arguments(mfa_adapters "" "HEADERS_LIKE" "" ${ARGN})
  set(mfa_adapter_headers ${mfa_core_headers})
  list(FILTER mfa_adapter_headers INCLUDE REGEX ${mfa_adapters_HEADERS_LIKE})
  list(FILTER mfa_core_headers EXCLUDE REGEX ${mfa_adapters_HEADERS_LIKE})
endmacro()

# mfa_core(PACKAGES "<package> [<version>]"... LIBRARIES <target>... PKG_CONFIG "<module> [>= <version>]"...) comes after
# the components.
macro(mfa_core)
  cmake_parse_arguments(mfa_core "" "" "PACKAGES;LIBRARIES;PKG_CONFIG" ${ARGN})
  foreach(package IN LISTS mfa_core_PACKAGES)
    separate_arguments(arguments UNIX_COMMAND "${package}")
    find_package(${arguments} REQUIRED)
  endforeach()
  mfa_library(
    mfa mfa
    HEADERS ${mfa_core_headers}
    ADAPTERS ${mfa_adapter_headers}
    LIBRARIES ${mfa_core_LIBRARIES})
endmacro()

# Installs mfa.pc, or mfa-<component>.pc, for those who build without CMake.
# The arguments after these are libraries, as -l names them.
function(mfa_install_pkg_config name component requires cflags)
  set(mfa_pc_name ${name})
  set(mfa_pc_component "${component}")
  list(JOIN requires ", " mfa_pc_requires)
  set(mfa_pc_cflags ${cflags})
  set(libraries ${ARGN})
  list(TRANSFORM libraries PREPEND -l)
  list(JOIN libraries " " mfa_pc_libs)
  set(directory ${CMAKE_INSTALL_DATADIR}/pkgconfig)
  string(REGEX REPLACE "[^/]+" ".." mfa_pc_prefix ${directory})
  configure_file(cmake/mfa.pc.in ${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${directory})
endfunction()

# Installs what find_package(mfa) reads.
macro(mfa_install_package)
  set(mfa_component_packages "")
  foreach(component IN LISTS mfa_components)
    string(APPEND mfa_component_packages "set(mfa_${component}_packages \"${mfa_${component}_PACKAGES}\")\n")
  endforeach()
  configure_package_config_file(
    cmake/mfaConfig.cmake.in mfaConfig.cmake
    INSTALL_DESTINATION ${mfa_package_dir} NO_SET_AND_CHECK_MACRO)
  # Before 1.0, a minor version may change the API.
  write_basic_package_version_file(mfaConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
  install(
    FILES ${PROJECT_BINARY_DIR}/mfaConfig.cmake ${PROJECT_BINARY_DIR}/mfaConfigVersion.cmake
          ${PROJECT_SOURCE_DIR}/cmake/FindHiredis.cmake ${PROJECT_SOURCE_DIR}/cmake/FindLibcbor.cmake
          ${PROJECT_SOURCE_DIR}/cmake/FindPhoneNumber.cmake ${PROJECT_SOURCE_DIR}/cmake/FindQRencode.cmake
    DESTINATION ${mfa_package_dir})
  mfa_install_pkg_config(mfa "" "${mfa_core_PKG_CONFIG}" "-I\${includedir}")
  foreach(component IN LISTS mfa_components)
    mfa_install_pkg_config(mfa-${component} ": ${component}" "mfa = ${PROJECT_VERSION};${mfa_${component}_PKG_CONFIG}" ""
                           ${mfa_${component}_WITHOUT_PKG_CONFIG})
  endforeach()
endmacro()
