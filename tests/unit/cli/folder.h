/* folder: runs each test in an empty folder of its own, which is removed after the test. */
#ifndef NEPHOS_TESTS_CLI_FOLDER_H
#define NEPHOS_TESTS_CLI_FOLDER_H

/* For cmocka: *state is the path of the folder, which becomes the working folder. */
int folder_set_up(void **state);
int folder_tear_down(void **state);

void folder_put(const char *path, const char *text);
void folder_assert(const char *path, const char *wanted); /* fails the test unless the file has this text */
unsigned folder_count(void);				  /* entries of the working folder */

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, folder_set_up, folder_tear_down)

#endif
