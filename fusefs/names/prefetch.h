/*
 * prefetch: who reads one small file after another in a folder (tar, cp -r, grep -r) gets the next ones with one
 * request.
 *
 * It hangs on the inode of the folder. The first PREFETCH_MISSES files whose content has to be asked for are asked for
 * alone. From then on each miss also brings a page of the folder's entries with their content, from where the page
 * before ended. Names, attributes and content in it become known as those of any answer do, so that the next reads find
 * them.
 *
 * How many of the files of a page are read before the next miss decides how large the next page is: half of them or
 * more doubles it, fewer make it small again, none ends it for PREFETCH_REST_NS, as does the end of the folder. So a
 * program that reads one file here and there costs at most one page that nobody reads. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_PREFETCH_H
#define NEPHOS_FUSEFS_NAMES_PREFETCH_H

#include "fusefs/names/names.h"

struct core;

#define PREFETCH_MISSES \
	2u /* small files of one folder that were asked for one by one, after which the others are fetched with them */
#define PREFETCH_MIN 32u		/* entries of a page … */
#define PREFETCH_MAX 256u		/* … at most: 8 MiB when all are as large as inline content may be */
#define PREFETCH_REST_NS (5 * NS_PER_S) /* after a page that nobody read, or the last one */

/* The content of this file had to be asked for. */
void prefetch_missed(struct names *names, struct core *core, struct inode *inode);
/* It was here, perhaps because it was fetched with others. */
void prefetch_hit(struct core *core, struct inode *inode);
void prefetch_release(struct inode *folder);

#endif
