/*
 * clang's analyzer sees this file's macros instead of uthash's. It cannot follow the buckets of uthash, takes the head
 * for the element that was just freed, and would report every HASH_DEL with a free as a use after free. With these
 * macros, a deletion returns a head of which the analyzer assumes nothing. check_tidy.sh includes this file before
 * everything else; nothing is compiled with it.
 */
#ifndef NEPHOS_ARCH_ANALYZER_UTHASH_H
#define NEPHOS_ARCH_ANALYZER_UTHASH_H

#include <uthash.h>

void *nephos_analyzer_any(const void *head);
/* For the analyzer, this function stores element. */
void *nephos_analyzer_keep(void *element);

#undef HASH_DEL
#undef HASH_DELETE
#define HASH_DEL(head, delptr) ((void)(delptr)->hh.tbl, (head) = nephos_analyzer_any(head))
#define HASH_DELETE(hh, head, delptr) ((void)(delptr)->hh.tbl, (head) = nephos_analyzer_any(head))
/* The analyzer takes the unused end of a key's array for a part of the key. */
#undef HASH_FIND
#define HASH_FIND(hh, head, keyptr, keylen, out) ((void)(keyptr), (void)(keylen), (out) = nephos_analyzer_any(head))

/* The same for lists whose head points to the tail. */
#include <utlist.h>

#undef DL_DELETE
#undef DL_PREPEND
#undef DL_APPEND
#undef DL_INSERT_INORDER
#define DL_DELETE(head, del) ((void)(del)->prev, (head) = nephos_analyzer_any(head))
#define DL_PREPEND(head, add) ((add)->next = (head), (head) = nephos_analyzer_keep(add))
#define DL_APPEND(head, add) ((void)(head), (add)->next = NULL, (head) = nephos_analyzer_keep(add))
#define DL_INSERT_INORDER(head, add, cmp) ((void)(cmp), (add)->next = NULL, (head) = nephos_analyzer_keep(add))

#endif
