# Fetched by a host while it configures: from a repository, from an archive, or not at all where it is installed.
set(fetched ${CMAKE_CURRENT_BINARY_DIR}/fetch_content)
find_program(MFA_GIT git)
mark_as_advanced(MFA_GIT)

add_test(NAME package_sources_to_fetch
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DWORK=${fetched} -DGIT=${MFA_GIT} -P
                 ${CMAKE_CURRENT_SOURCE_DIR}/sources_to_fetch.cmake)
set_tests_properties(package_sources_to_fetch PROPERTIES FIXTURES_SETUP sources_to_fetch)

# package_fetch_content(<name> <from, its parts separated by commas> <option>...)
function(package_fetch_content name from)
  string(REPLACE "," "\\;" from "${from}")
  add_test(NAME package_fetch_content_${name}
           COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/fetching_host ${fetched}/${name}
                   ${same_tools} -DFETCHING_FROM=${from} ${ARGN} --test-command ${CMAKE_CTEST_COMMAND}
                   --output-on-failure --no-tests=error)
  set_tests_properties(package_fetch_content_${name} PROPERTIES FIXTURES_REQUIRED "sources_to_fetch;installed")
endfunction()
set(fetched_always -DFETCHCONTENT_TRY_FIND_PACKAGE_MODE=NEVER)
if(MFA_GIT)
  package_fetch_content(git "GIT_REPOSITORY,file://${fetched}/mfa-cpp,GIT_TAG,v0.1.0,GIT_SHALLOW,ON" ${fetched_always})
endif()
package_fetch_content(archive "URL,file://${fetched}/mfa-cpp.tar.gz" ${fetched_always})
package_fetch_content(finds_installed "URL,file://${fetched}/nothing.tar.gz" -DCMAKE_PREFIX_PATH=${prefix})
