/*
 * print: formats output for people. Anybody who may write to a drive chooses its names; on a terminal a name must
 * not move the cursor, change the title or turn the reading direction. Appends to a buffer; pure, any thread.
 */
#ifndef NEPHOS_CLI_PRINT_H
#define NEPHOS_CLI_PRINT_H

#include "common/base/buf.h"
#include "common/proto/item.h"

#include <stdbool.h>
#include <time.h>

#define PRINT_LINE_BYTES_MAX (64u * 1024) /* a line of output: a path of 4,096 bytes, each as \xNN, and its target */

/* escape: writes control characters, characters that turn the reading direction, and bytes that are not UTF-8 as
 * \n, \t or \xNN; otherwise the bytes are unchanged. */
int print_name(struct buf *ret, struct span name, bool escape);
/* "drwxr-xr-x", 10 characters and NUL. */
#define PRINT_MODE_SIZE 11
void print_mode(uint32_t mode, char ret[PRINT_MODE_SIZE]);
/* "2024-03-01 17:05" in local time, or "-" if the year cannot be shown. */
#define PRINT_TIME_SIZE 32
void print_time(int64_t ns, char ret[PRINT_TIME_SIZE]);
/* One line of ls -l, with its line break; `name` is shown instead of the item's own name. */
int print_item(struct buf *ret, const struct item *item, struct span name, bool escape);

#endif
