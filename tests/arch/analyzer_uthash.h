/*
 * What clang's analyzer sees instead of uthash's deletion. It cannot follow the buckets, takes the head for the element
 * that was just freed, and would report every HASH_DEL with a free as a use after free. To it, a deletion gives a head
 * it knows nothing of. check_tidy.sh includes this before everything else; nothing is compiled with it.
 */
#ifndef NEPHOS_ARCH_ANALYZER_UTHASH_H
#define NEPHOS_ARCH_ANALYZER_UTHASH_H

#include <uthash.h>

void *nephos_analyzer_any(const void *head);
/* Keeps what it is given. */
void *nephos_analyzer_keep(void *element);

#undef HASH_DEL
#undef HASH_DELETE
#define HASH_DEL(head, delptr) ((void)(delptr)->hh.tbl, (head) = nephos_analyzer_any(head))
#define HASH_DELETE(hh, head, delptr) ((void)(delptr)->hh.tbl, (head) = nephos_analyzer_any(head))
/* It takes the unused end of a key's array for part of the key. */
#undef HASH_FIND
#define HASH_FIND(hh, head, keyptr, keylen, out) ((void)(keyptr), (void)(keylen), (out) = nephos_analyzer_any(head))

/* The same for lists whose head knows its tail. */
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
