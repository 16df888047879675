# SPDX-License-Identifier: Apache-2.0
# The one place that sets compiler flags: link midpo_options to every target of ours.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  find_program(MIDPO_CCACHE ccache)
  if(MIDPO_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${MIDPO_CCACHE}")
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${MIDPO_CCACHE}")
  endif()
endif()

# Assertions stay on in release: NDEBUG is never defined.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1" CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g" CACHE STRING "" FORCE)
# A sanitizer's reports want lines, and a quarter of the compile time is spent on all the rest.
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1" CACHE STRING "" FORCE)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(midpo_options INTERFACE)
target_compile_features(midpo_options INTERFACE cxx_std_20)
target_include_directories(midpo_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(midpo_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Werror -fdiagnostics-color=always>)
if(MIDPO_SANITIZE)
  target_compile_options(midpo_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${MIDPO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer>)
  target_link_options(midpo_options INTERFACE -fsanitize=${MIDPO_SANITIZE})
endif()

# midpo_library(NAME SOURCES ... LINKS ...): a static library of ours.
function(midpo_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC midpo_options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# midpo_test(NAME SOURCES ... LINKS ... LABELS fast|slow|real_scheduler): a GoogleTest program, one ctest entry a case.
function(midpo_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS fast)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE midpo_options ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()

# midpo_fuzzer(NAME SOURCES ... LINKS ...): a libFuzzer program; its corpus is tests/fuzz/corpus/NAME.
function(midpo_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE midpo_options ${ARG_LINKS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
