/* op_internal: shared by op.c, op_decode.c and op_encode.c: the batch, and the table of fields that decoder and
 * encoder use. */
#ifndef NEPHOS_PROTO_OP_INTERNAL_H
#define NEPHOS_PROTO_OP_INTERNAL_H

#include "common/proto/op.h"

#define OP_CONTENT_JSON "application/json"
#define OP_CONTENT_OPS "application/vnd.nephos.ops"

/* Whether content_type is this media type, with or without parameters. NULL is none. */
bool op_media_is(const char *content_type, const char *media);

struct op_chunk {
	struct op_chunk *next;
	max_align_t bytes[];
};

struct op_batch {
	json_t *root; /* the parsed JSON: strings of ops point into it */
	char *data;   /* the data part of the body */
	size_t data_size;
	struct op *ops;
	size_t count;
	size_t extent_count; /* of all ops together */
	struct op_chunk *chunks;
};

/* Freed with the batch. Returns NULL only when out of memory, also for size 0. */
void *op_batch_alloc(struct op_batch *b, size_t size);

enum op_value {
	OP_VALUE_KIND,	/* the field "op" itself */
	OP_VALUE_ID,	/* int64_t */
	OP_VALUE_BYTES, /* span; also as K_b64 when it is not plain text */
	OP_VALUE_B64,	/* span, in base64 only */
	OP_VALUE_U32,
	OP_VALUE_NUMBER, /* int64_t */
	OP_VALUE_TIME,	 /* int64_t */
	OP_VALUE_BOOL,	 /* only the bit in fields */
	OP_VALUE_FLAGS,	 /* names of bits */
	OP_VALUE_TYPE,	 /* type bits of mode */
	OP_VALUE_RDEV,
	OP_VALUE_EXTENTS,
	OP_VALUE_ETAG,
	OP_VALUE_PROTECT, /* names of bits of ITEM_PROTECTED */
};

/* One field of ops on the wire. */
struct op_wire {
	const char *name;
	enum op_value value;
	unsigned ops;	   /* kinds that may have it: 1 << kind */
	unsigned required; /* kinds that must have it */
	size_t offset;	   /* in struct op */
	uint32_t bit;	   /* the enum op_field that says that it is there; 0: none */
};
#define OP_WIRE_COUNT 31
extern const struct op_wire op_wire[OP_WIRE_COUNT];

struct op_flag {
	const char *name;
	enum op_kind kind;
	uint32_t bit;
};
#define OP_FLAG_COUNT 6
extern const struct op_flag op_flags[OP_FLAG_COUNT];

int op_kind_parse(const char *name, enum op_kind *ret); /* -ENOENT */

#endif
