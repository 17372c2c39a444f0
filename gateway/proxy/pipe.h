/*
 * pipe: bytes on their way from the thread that receives an answer to the thread that sends it on. A bounded ring: when
 * it is full the receiving side pauses. One writer, one reader, each on its own thread; the callers do the waking.
 */
#ifndef NEPHOS_GATEWAY_PROXY_PIPE_H
#define NEPHOS_GATEWAY_PROXY_PIPE_H

#include <stdbool.h>
#include <stddef.h>

#define PIPE_BYTES (256u * 1024) /* the cost of one slow reader; hides a scheduling delay at 1 GB/s */

struct pipe;

int pipe_new(struct pipe **ret);
void pipe_free(struct pipe *p);
/* All or nothing. -EAGAIN: no room now; pipe_read says when there is room again (ret_wanted). */
int pipe_write(struct pipe *p, const void *data, size_t size);
/* No writes may follow. error: what the reader gets after the bytes that are there; 0: the end. */
void pipe_close(struct pipe *p, int error);
/* ret_size 0: the end. -EAGAIN: nothing now. ret_wanted: a writer was refused before this read and should try again. */
int pipe_read(struct pipe *p, void *data, size_t size, size_t *ret_size, bool *ret_wanted);

#endif
