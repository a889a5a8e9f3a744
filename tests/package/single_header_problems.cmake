# What a tree says whose headers do not go into one: cmake -DROOT=... -DWORK=... -P

# expect(<error> <components> [<header> <text>]): with that header added to the tree.
function(expect error components)
  set(tree ${WORK}/tree)
  file(REMOVE_RECURSE ${tree})
  file(COPY ${ROOT}/CMakeLists.txt ${ROOT}/LICENSE ${ROOT}/cmake ${ROOT}/include DESTINATION ${tree})
  if(ARGC GREATER 2)
    file(WRITE ${tree}/include/${ARGV2} "#pragma once\n${ARGV3}\n")
  endif()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -DCOMPONENTS=${components} -DOUTPUT=${WORK}/mfa.hpp -P ${tree}/cmake/single_header.cmake
    RESULT_VARIABLE status
    ERROR_VARIABLE said)
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  if(status EQUAL 0 OR NOT said MATCHES "${error}")
    message(SEND_ERROR "expected: ${error}\nexit status: ${status}\nsaid: ${said}")
  endif()
endfunction()

expect("mfa has no component 'telepathy'. Its components: .*sqlite" telepathy)
expect("no single header holds mfa/extra/orphan.h: " all mfa/extra/orphan.h "")
expect("mfa/lost.hpp includes mfa/nowhere.hpp, which is not there" "" mfa/lost.hpp "#include <mfa/nowhere.hpp>")
expect("mfa/near.hpp includes \"error.hpp\": include it as <...>" "" mfa/near.hpp "#include \"error.hpp\"")
expect("mfa/sometimes.hpp includes mfa/error.hpp under an #if" "" mfa/sometimes.hpp
       "#ifdef SOMETIMES\n#include <mfa/error.hpp>\n#endif")
expect("mfa/greedy.hpp includes mfa/storage/sqlite.hpp, which is of 'sqlite'" "" mfa/greedy.hpp
       "#include <mfa/storage/sqlite.hpp>")
