# How everything here is compiled: an interface target that the helpers of Targets.cmake put on each target.
# Nothing sets CMAKE_C_FLAGS, nothing is global.

add_library(nephos_policy INTERFACE)
target_include_directories(nephos_policy INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(nephos_policy INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_features(nephos_policy INTERFACE c_std_17)
target_compile_options(nephos_policy INTERFACE
	-fno-common -fno-strict-aliasing -fstack-protector-strong
	-Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
	-Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings
	-Wno-missing-field-initializers
	# Falling through is said in uthash by comments, which only gcc reads.
	"$<$<C_COMPILER_ID:GNU>:-Wlogical-op;-Wduplicated-cond;-Wimplicit-fallthrough>"
	$<$<BOOL:${NEPHOS_WERROR}>:-Werror>)

# Assertions stand in every build: they say what must hold, and a store that goes on without it does harm.
target_compile_options(nephos_policy INTERFACE -UNDEBUG)

# Hardening. The libc's checks need an optimiser, and the sanitizers do not go with them.
if(NOT NEPHOS_SANITIZE)
	target_compile_options(nephos_policy INTERFACE
		"$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
endif()
target_link_options(nephos_policy INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

if(NEPHOS_SANITIZE)
	target_compile_options(nephos_policy INTERFACE
		-fsanitize=${NEPHOS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(nephos_policy INTERFACE -fsanitize=${NEPHOS_SANITIZE})
	# gcc finds impossible paths (used uninitialised) in what it instrumented itself.
	target_compile_options(nephos_policy INTERFACE $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(NEPHOS_COVERAGE)
	target_compile_options(nephos_policy INTERFACE --coverage -fprofile-update=atomic)
	target_link_options(nephos_policy INTERFACE --coverage)
endif()
if(NEPHOS_FUZZ)
	target_compile_options(nephos_policy INTERFACE -fsanitize=fuzzer-no-link)
endif()
