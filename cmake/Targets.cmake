# The kinds of targets. Sources and headers are listed, never globbed. The dependencies of a folder stand in its USES:
# libraries of our own, or targets of Dependencies.cmake. Paths are relative to the calling CMakeLists.txt.

# nephos_lib(NAME SOURCES … HEADERS … USES …): a static library. Each header is also compiled alone, twice in a row, in
# NAME_headers: it must include everything it needs and have an include guard.
function(nephos_lib name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;USES")
	nephos_refuse_unknown(${name} "${arg_UNPARSED_ARGUMENTS}")
	add_library(${name} STATIC ${arg_SOURCES} ${arg_HEADERS})
	set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
	target_link_libraries(${name} PUBLIC ${arg_USES} PRIVATE nephos_policy)
	# One kind of build is enough to check the headers.
	if(NEPHOS_TESTS AND NOT NEPHOS_SANITIZE)
		nephos_check_headers(${name} ${arg_HEADERS})
	endif()
endfunction()

# nephos_linked_fast(TARGET): links with mold. There are two hundred test programs, and mold needs a quarter of the
# default linker's processor time for each. Installed programs use the default linker in every build, because their
# memory is measured.
if(NEPHOS_TESTS)
	find_program(NEPHOS_MOLD mold)
endif()
function(nephos_linked_fast target)
	if(NEPHOS_MOLD)
		target_link_options(${target} PRIVATE -fuse-ld=mold)
	endif()
endfunction()

# nephos_compiled_fast(TARGET): optimises less. Almost half of all compiled code runs only in tests, where an optimiser
# costs more time than it saves. gcc's warnings about the flow of values need -O1; builds with a sanitizer do not need
# these warnings.
function(nephos_compiled_fast target)
	if(CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo)
		target_compile_options(${target} PRIVATE -O1)
	elseif(NEPHOS_SANITIZE)
		target_compile_options(${target} PRIVATE -O0)
	endif()
endfunction()

# nephos_program(NAME SOURCES … USES …): a program in bin/.
function(nephos_program name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES")
	nephos_refuse_unknown(${name} "${arg_UNPARSED_ARGUMENTS}")
	add_executable(${name} ${arg_SOURCES})
	set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
	target_link_libraries(${name} PRIVATE ${arg_USES} nephos_policy)
endfunction()

# nephos_test(NAME SOURCES … USES …): a cmocka program that is one ctest with the label unit.
function(nephos_test name)
	if(NOT NEPHOS_TESTS)
		return()
	endif()
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES")
	nephos_refuse_unknown(${name} "${arg_UNPARSED_ARGUMENTS}")
	add_executable(${name} ${arg_SOURCES})
	set_target_properties(${name} PROPERTIES
		POSITION_INDEPENDENT_CODE ON
		RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
	target_link_libraries(${name} PRIVATE ${arg_USES} PkgConfig::CMOCKA nephos_policy)
	nephos_compiled_fast(${name})
	nephos_linked_fast(${name})
	add_test(NAME ${name} COMMAND ${name})
	set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
endfunction()

# nephos_fuzz(NAME SOURCES … USES …): a libFuzzer program; only with NEPHOS_FUZZ, and only with clang.
function(nephos_fuzz name)
	if(NOT NEPHOS_FUZZ)
		return()
	endif()
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES")
	nephos_refuse_unknown(${name} "${arg_UNPARSED_ARGUMENTS}")
	add_executable(${name} ${arg_SOURCES})
	set_target_properties(${name} PROPERTIES
		POSITION_INDEPENDENT_CODE ON
		RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/fuzz)
	target_link_libraries(${name} PRIVATE ${arg_USES} nephos_policy)
	target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

# Compiles each header in a generated file that includes it twice, with the include paths and options of the library.
function(nephos_check_headers name)
	set(probes)
	foreach(header IN LISTS ARGN)
		cmake_path(ABSOLUTE_PATH header BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE
			OUTPUT_VARIABLE path)
		cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE from_root)
		set(probe ${PROJECT_BINARY_DIR}/headers/${from_root}.c)
		file(CONFIGURE OUTPUT ${probe} @ONLY CONTENT "#include \"@from_root@\"\n#include \"@from_root@\"\n")
		list(APPEND probes ${probe})
	endforeach()
	if(NOT probes)
		return()
	endif()
	add_library(${name}_headers OBJECT ${probes})
	target_link_libraries(${name}_headers PRIVATE ${name} nephos_policy)
	# A header may declare static inline helpers that the generated file does not call.
	target_compile_options(${name}_headers PRIVATE -Wno-unused-function)
endfunction()

# Without this, a misspelt keyword, and the sources after it, would silently be left out of the build.
function(nephos_refuse_unknown name unknown)
	if(unknown)
		message(FATAL_ERROR "${name}: not understood: ${unknown}")
	endif()
endfunction()
