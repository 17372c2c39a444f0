/* spool: files without a name, for what does not fit in memory. Blocking, any thread. */
#ifndef NEPHOS_DOCS_SPOOL_H
#define NEPHOS_DOCS_SPOOL_H

/* An empty one on the disk of an open folder; gone with its last descriptor. The descriptor, which the caller closes;
 * -EMFILE, -ENOSPC, -EIO. */
int spool_open(int folder);

#endif
