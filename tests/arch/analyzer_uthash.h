/*
 * What clang's analyzer sees instead of uthash's deletion. It cannot follow the buckets, takes the head for the element that was
 * just freed, and would report every HASH_DEL with a free as a use after free. To it, a deletion gives a head it knows nothing of.
 * check_tidy.sh includes this before everything else; nothing is compiled with it.
 */
#ifndef NEPHOS_ARCH_ANALYZER_UTHASH_H
#define NEPHOS_ARCH_ANALYZER_UTHASH_H

#include <uthash.h>

void *nephos_analyzer_any(const void *head);

#undef HASH_DEL
#undef HASH_DELETE
#define HASH_DEL(head, delptr) ((void)(delptr)->hh.tbl, (head) = nephos_analyzer_any(head))
#define HASH_DELETE(hh, head, delptr) ((void)(delptr)->hh.tbl, (head) = nephos_analyzer_any(head))

#endif
