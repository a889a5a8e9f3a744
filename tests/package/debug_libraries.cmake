# A prefix laid out as vcpkg does: release libraries in lib, debug ones in debug/lib under another name. The build type
# decides by the order of the prefixes alone.
set(root ${CMAKE_CURRENT_BINARY_DIR}/debug_libraries)
file(REMOVE_RECURSE ${root})
file(WRITE ${root}/include/qrencode.h "")
file(WRITE ${root}/include/hiredis/hiredis.h "")
foreach(name IN ITEMS qrencode hiredis)
  file(WRITE ${root}/lib/lib${name}.a "")
  file(WRITE ${root}/debug/lib/lib${name}d.a "")
endforeach()

file(
  WRITE ${root}/project/CMakeLists.txt
  "cmake_minimum_required(VERSION 3.23)\nproject(debug_libraries NONE)\n"
  "set(CMAKE_FIND_LIBRARY_PREFIXES lib)\nset(CMAKE_FIND_LIBRARY_SUFFIXES .a)\n"
  "list(APPEND CMAKE_MODULE_PATH ${MODULES})\n"
  "foreach(name IN ITEMS QRencode Hiredis)\n"
  "  find_package(\${name} MODULE REQUIRED)\n"
  "  message(STATUS \"\${name}: \${\${name}_LIBRARY}\")\n"
  "endforeach()\n")
foreach(type IN ITEMS debug release)
  set(prefixes "${root}/debug;${root}")
  set(expected ${root}/debug/lib/libqrencoded.a ${root}/debug/lib/libhiredisd.a)
  if(type STREQUAL release)
    set(prefixes "${root};${root}/debug")
    set(expected ${root}/lib/libqrencode.a ${root}/lib/libhiredis.a)
  endif()
  execute_process(
    COMMAND ${CMAKE_COMMAND} --fresh -G ${GENERATOR} -S ${root}/project -B ${root}/${type} "-DCMAKE_PREFIX_PATH=${prefixes}"
    OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  foreach(library IN LISTS expected)
    string(FIND "${output}" ": ${library}\n" found)
    if(found EQUAL -1)
      message(FATAL_ERROR "a ${type} build did not take ${library}:\n${output}")
    endif()
  endforeach()
endforeach()
