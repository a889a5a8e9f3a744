# Makes the single header twice, from the tree and from a copy of it: cmake -DROOT=... -DWORK=... -P
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/elsewhere)
file(COPY ${ROOT}/CMakeLists.txt ${ROOT}/LICENSE ${ROOT}/cmake ${ROOT}/include DESTINATION ${WORK}/copy)
execute_process(COMMAND ${CMAKE_COMMAND} -DCOMPONENTS=all -DOUTPUT=${WORK}/first.hpp -P ${ROOT}/cmake/single_header.cmake
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -DCOMPONENTS=all -P ${WORK}/copy/cmake/single_header.cmake
                WORKING_DIRECTORY ${WORK}/elsewhere COMMAND_ERROR_IS_FATAL ANY)
file(SHA256 ${WORK}/first.hpp first)
file(SHA256 ${WORK}/elsewhere/mfa.hpp second)
if(NOT first STREQUAL second)
  message(FATAL_ERROR "${WORK}/first.hpp and ${WORK}/elsewhere/mfa.hpp are not equal.")
endif()
