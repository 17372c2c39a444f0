# The kinds of targets there are. Sources and headers are listed, never globbed; a folder's dependencies stand in USES:
# other libraries of ours, or targets of Dependencies.cmake. Paths are relative to the calling CMakeLists.txt.

# nephos_lib(NAME SOURCES … HEADERS … USES …): a static library. Each header is also compiled alone, twice in a row,
# in NAME_headers: it must bring what it needs and guard itself.
function(nephos_lib name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;USES")
	nephos_refuse_unknown(${name} "${arg_UNPARSED_ARGUMENTS}")
	add_library(${name} STATIC ${arg_SOURCES} ${arg_HEADERS})
	set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
	target_link_libraries(${name} PUBLIC ${arg_USES} PRIVATE nephos_policy)
	# One way of building is enough to see it.
	if(NEPHOS_TESTS AND NOT NEPHOS_SANITIZE)
		nephos_check_headers(${name} ${arg_HEADERS})
	endif()
endfunction()

# nephos_linked_fast(TARGET): there are two hundred programs of tests, and mold links one in a quarter of the processor
# time of the default linker. What is installed is linked by the default one, in every build: its memory is measured.
if(NEPHOS_TESTS)
	find_program(NEPHOS_MOLD mold)
endif()
function(nephos_linked_fast target)
	if(NEPHOS_MOLD)
		target_link_options(${target} PRIVATE -fuse-ld=mold)
	endif()
endfunction()

# nephos_compiled_fast(TARGET): what only tests run, near half of all that is compiled, is not worth what an optimiser
# costs. gcc's warnings that look at the flow of values need -O1; under a sanitizer they are not asked for.
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

# nephos_test(NAME SOURCES … USES …): a cmocka program that is one ctest, labelled unit.
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

# nephos_fuzz(NAME SOURCES … USES …): a libFuzzer program; only with NEPHOS_FUZZ, only by clang.
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

# Compiles each header by a generated probe that includes it twice, with what the library itself sees.
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
	# A header may declare static inline helpers that the probe does not call.
	target_compile_options(${name}_headers PRIVATE -Wno-unused-function)
endfunction()

# A misspelt keyword would otherwise be a source that is silently not built.
function(nephos_refuse_unknown name unknown)
	if(unknown)
		message(FATAL_ERROR "${name}: not understood: ${unknown}")
	endif()
endfunction()
