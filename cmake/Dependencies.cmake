# The libraries that the tree uses, each found once. Each is a target; a folder names the targets that it uses in its
# USES.
find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED) # Threads::Threads

pkg_check_modules(FUSE3 REQUIRED IMPORTED_TARGET fuse3>=3.14)
pkg_check_modules(MHD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.75)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.88)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq>=15)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto>=3.0)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd>=1.5)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash>=0.8)
if(NEPHOS_TESTS)
	pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
endif()

# libunistring has no .pc file.
find_path(NEPHOS_UNISTRING_DIR uninorm.h REQUIRED)
find_library(NEPHOS_UNISTRING_LIBRARY unistring REQUIRED)
mark_as_advanced(NEPHOS_UNISTRING_DIR NEPHOS_UNISTRING_LIBRARY)
add_library(Unistring::Unistring UNKNOWN IMPORTED)
set_target_properties(Unistring::Unistring PROPERTIES
	IMPORTED_LOCATION ${NEPHOS_UNISTRING_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${NEPHOS_UNISTRING_DIR})

# uthash consists of headers only and has no .pc file. This search fails here, with a clear message, when it is missing.
find_path(NEPHOS_UTHASH_DIR uthash.h REQUIRED)
mark_as_advanced(NEPHOS_UTHASH_DIR)
