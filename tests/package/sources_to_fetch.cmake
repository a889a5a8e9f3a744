# Makes of the tree what a host fetches: an archive and, if GIT is one, a repository with a tag.
# cmake -DROOT=... -DWORK=... -DGIT=... -P
file(REMOVE_RECURSE ${WORK})
set(tree ${WORK}/mfa-cpp)
file(COPY ${ROOT}/CMakeLists.txt ${ROOT}/LICENSE ${ROOT}/cmake ${ROOT}/include DESTINATION ${tree})
execute_process(COMMAND ${CMAKE_COMMAND} -E tar cz mfa-cpp.tar.gz mfa-cpp WORKING_DIRECTORY ${WORK}
                COMMAND_ERROR_IS_FATAL ANY)
if(GIT)
  foreach(arguments IN ITEMS "init --quiet" "add ." "commit --quiet --message=release" "tag v0.1.0")
    separate_arguments(arguments UNIX_COMMAND "${arguments}")
    execute_process(COMMAND ${GIT} -c user.name=tests -c user.email=tests@example.com ${arguments}
                    WORKING_DIRECTORY ${tree} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endif()
