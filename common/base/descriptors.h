/*
 * descriptors: how many files and sockets this process may have. What is usual for a shell is 1,024, and a server needs
 * one for each connection.
 */
#ifndef NEPHOS_BASE_DESCRIPTORS_H
#define NEPHOS_BASE_DESCRIPTORS_H

#define DESCRIPTORS_OWN 256u /* of a server beside its connections: log, event queues, the database, blocks at work */

/* Raises the soft limit towards connections and DESCRIPTORS_OWN. Returns how many connections there may be: fewer where
 * the hard limit is below that. At the start, before others count on it. */
unsigned descriptors_allow(unsigned connections);

#endif
