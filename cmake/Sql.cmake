# nephos_sql(TARGET PREFIX FILE…): embeds SQL files as migrations, in this order. Each migration has the name of its
# file, without the ending. The target gets a C file that defines
#   const struct pg_migration PREFIX_migrations[]; const size_t PREFIX_migration_count;
# A header of the target declares them (extern). Files are relative to the calling CMakeLists.txt.
#
# When this file runs as a script (cmake -D PREFIX=… -D OUTPUT=… -D "FILES=…" -P Sql.cmake), it writes that C file.

if(CMAKE_SCRIPT_MODE_FILE)
	set(texts)
	set(rows)
	string(REPLACE "|" ";" FILES "${FILES}")
	foreach(file IN LISTS FILES)
		cmake_path(GET file STEM LAST_ONLY name)
		file(READ ${file} hex HEX)
		string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
		string(APPEND texts "static const char text_${name}[] = {${bytes}'\\0'};\n")
		string(APPEND rows "\t{\"${name}\", text_${name}},\n")
	endforeach()
	file(WRITE ${OUTPUT} "#include \"backend/pg/pg.h\"\n\n"
		"extern const struct pg_migration ${PREFIX}_migrations[];\nextern const size_t ${PREFIX}_migration_count;\n\n"
		"${texts}\nconst struct pg_migration ${PREFIX}_migrations[] = {\n${rows}};\n"
		"const size_t ${PREFIX}_migration_count = sizeof(${PREFIX}_migrations) / sizeof(${PREFIX}_migrations[0]);\n")
	return()
endif()

set(NEPHOS_SQL_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
set(NEPHOS_SQL_STATEMENTS_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/SqlStatements.cmake)

function(nephos_sql target prefix)
	set(files)
	foreach(file IN LISTS ARGN)
		cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
		list(APPEND files ${file})
	endforeach()
	list(JOIN files "|" joined)
	set(output ${CMAKE_CURRENT_BINARY_DIR}/${prefix}_migrations.c)
	add_custom_command(OUTPUT ${output}
		COMMAND ${CMAKE_COMMAND} -D PREFIX=${prefix} -D OUTPUT=${output} -D "FILES=${joined}" -P ${NEPHOS_SQL_SCRIPT}
		DEPENDS ${files} ${NEPHOS_SQL_SCRIPT}
		VERBATIM)
	target_sources(${target} PRIVATE ${output})
endfunction()

# nephos_sql_statements(TARGET FOLDER HEADER…): embeds the statements of FOLDER in the target; SqlStatements.cmake
# describes their form. The headers declare the statements and define the numbers that they use; no other header is
# included.
function(nephos_sql_statements target folder)
	cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
	# A declared statement without a file fails to link, so a list of the files here would add no safety.
	file(GLOB files CONFIGURE_DEPENDS ${folder}/statements/*.sql ${folder}/pieces/*.sql)
	list(JOIN ARGN "|" headers)
	set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_statements.c)
	add_custom_command(OUTPUT ${output}
		COMMAND ${CMAKE_COMMAND} -D FOLDER=${folder} -D OUTPUT=${output} -D "INCLUDES=${headers}" -P ${NEPHOS_SQL_STATEMENTS_SCRIPT}
		DEPENDS ${files} ${NEPHOS_SQL_STATEMENTS_SCRIPT}
		VERBATIM)
	target_sources(${target} PRIVATE ${output})
endfunction()
