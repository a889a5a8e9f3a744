# What docs/packaging.md says, done as it stands there: package_transcript(<name> <section> <prefix>).
function(package_transcript name section prefix)
  add_test(NAME package_transcript_${name}
           COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/transcript.sh ${section} ${PROJECT_SOURCE_DIR}
                   file://${fetched}/mfa-cpp ${prefix}
                   ${CMAKE_CURRENT_BINARY_DIR}/transcripts/${name})
  set_tests_properties(
    package_transcript_${name}
    PROPERTIES FIXTURES_REQUIRED "installed;sources_to_fetch" ENVIRONMENT
                                                              "CMAKE_GENERATOR=${CMAKE_GENERATOR};CXX=${CMAKE_CXX_COMPILER}")
endfunction()
if(MSVC OR NOT mfa_sqlite_found)
  return()
endif()
package_transcript(cmake_package "CMake package" ${CMAKE_CURRENT_BINARY_DIR}/transcripts/cmake_package/opt)
if(MFA_GIT)
  package_transcript(fetch_content FetchContent ${prefix})
endif()
package_transcript(add_subdirectory add_subdirectory ${prefix})
package_transcript(pkg_config pkg-config ${prefix})
if(package_meson_found)
  package_transcript(meson Meson ${prefix})
  package_transcript(meson_subproject "Meson subproject" ${prefix})
endif()
package_transcript(single_header "Single header" ${prefix})
package_transcript(plain_include "Plain -I" ${prefix})
