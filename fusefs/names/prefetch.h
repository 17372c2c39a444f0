/*
 * prefetch: when a program reads one small file after another in a folder (tar, cp -r, grep -r), this module fetches
 * the next ones with one request.
 *
 * Its state belongs to the inode of the folder. A file whose content is not cached is a miss. From the
 * PREFETCH_MISSES-th miss on, each miss also fetches a page of the folder's entries with their content, from where
 * the previous page ended. The mount learns names, attributes and content from such a page as from any answer, so
 * that the next reads find them cached.
 *
 * How many files of a page are read before the next miss decides how large the next page is: half of them or more
 * doubles the size, fewer reset it to the minimum, none ends prefetching for PREFETCH_REST_NS, as does the end of
 * the folder. So a program that reads one file here and there costs at most one page that nobody reads. Guarded by
 * the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_PREFETCH_H
#define NEPHOS_FUSEFS_NAMES_PREFETCH_H

#include "fusefs/names/names.h"

struct core;

#define PREFETCH_MISSES \
	2u		 /* small files of one folder that are not cached: from this one on, each also fetches a page */
#define PREFETCH_MIN 32u /* entries of a page … */
#define PREFETCH_MAX 256u		/* … at most: 8 MiB when all are as large as inline content may be */
#define PREFETCH_REST_NS (5 * NS_PER_S) /* pause after a page that nobody read, or the last one */

/* The content of this file is not cached. */
void prefetch_missed(struct names *names, struct core *core, struct inode *inode);
/* The content of this file was cached, perhaps because it was fetched with others. */
void prefetch_hit(struct core *core, struct inode *inode);
void prefetch_release(struct inode *folder);

#endif
