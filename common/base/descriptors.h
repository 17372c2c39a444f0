/*
 * descriptors: how many files and sockets this process may have open. The usual limit of a shell is 1,024, and a
 * server needs one descriptor for each connection.
 */
#ifndef NEPHOS_BASE_DESCRIPTORS_H
#define NEPHOS_BASE_DESCRIPTORS_H

#define DESCRIPTORS_OWN 256u /* what a server needs beside connections: log, event queues, database, blocks in work */

/* Raises the soft limit to connections + DESCRIPTORS_OWN. Returns how many connections are possible: fewer than
 * asked for if the hard limit is lower. Call it at the start, before other code relies on the number. */
unsigned descriptors_allow(unsigned connections);

#endif
