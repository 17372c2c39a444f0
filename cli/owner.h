/*
 * owner: which gateways own a path: the home of its drive, the gateway that would be its home without the first
 * one, and whether the home has the answer to a request for this path in memory. For "nephos status --ring PATH".
 */
#ifndef NEPHOS_CLI_OWNER_H
#define NEPHOS_CLI_OWNER_H

#include "cli/command.h"

#include <jansson.h>

/* EXIT_DONE: {path, drive, epoch, in_memory, owners: [{name, url}]}; on failure the reason has been printed. */
int owner_find(struct command_run *run, const char *path, json_t **ret);
/* Appends a line for people. */
void owner_print(struct buf *line, const json_t *owner);

#endif
