/*
 * owner: who of the gateways owns a path: the home of its drive, the one that would be its home without that, and
 * whether the home has it in memory as it is asked for by this path. For "nephos status --ring PATH".
 */
#ifndef NEPHOS_CLI_OWNER_H
#define NEPHOS_CLI_OWNER_H

#include "cli/command.h"

#include <jansson.h>

/* EXIT_DONE: {path, drive, epoch, in_memory, owners: [{name, url}]}; else it is said why not. */
int owner_find(struct command_run *run, const char *path, json_t **ret);
/* A line for people. */
void owner_print(struct buf *line, const json_t *owner);

#endif
