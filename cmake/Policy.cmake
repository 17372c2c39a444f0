# The options with which everything is compiled: an interface target that the functions of Targets.cmake link to each
# target. Nothing sets CMAKE_C_FLAGS, and no option is global.

add_library(nephos_policy INTERFACE)
target_include_directories(nephos_policy INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(nephos_policy INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_features(nephos_policy INTERFACE c_std_17)
target_compile_options(nephos_policy INTERFACE
	-fno-common -fno-strict-aliasing -fstack-protector-strong
	-Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
	-Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings
	-Wno-missing-field-initializers
	# uthash marks a fall through with comments, which only gcc reads.
	"$<$<C_COMPILER_ID:GNU>:-Wlogical-op;-Wduplicated-cond;-Wimplicit-fallthrough>"
	$<$<BOOL:${NEPHOS_WERROR}>:-Werror>)

# Assertions are active in every build: they check what must hold, and a store that goes on when it does not hold does
# harm.
target_compile_options(nephos_policy INTERFACE -UNDEBUG)

# Hardening. The checks of the libc need an optimiser, and do not work together with the sanitizers.
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
	# In code that gcc itself has instrumented, it warns about impossible paths (used uninitialised).
	target_compile_options(nephos_policy INTERFACE $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(NEPHOS_COVERAGE)
	target_compile_options(nephos_policy INTERFACE --coverage -fprofile-update=atomic)
	target_link_options(nephos_policy INTERFACE --coverage)
endif()
if(NEPHOS_FUZZ)
	target_compile_options(nephos_policy INTERFACE -fsanitize=fuzzer-no-link)
endif()
