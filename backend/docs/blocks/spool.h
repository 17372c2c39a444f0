/* spool: files without a name, for data that does not fit in memory. Calls block; any thread. */
#ifndef NEPHOS_DOCS_SPOOL_H
#define NEPHOS_DOCS_SPOOL_H

/* Returns the descriptor of an empty file on the disk of an open folder. The file is gone with its last
 * descriptor, which the caller closes. -EMFILE, -ENOSPC, -EIO. */
int spool_open(int folder);

#endif
