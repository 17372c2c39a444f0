/*
 * service_drive: what the service of service.h says about drives, once it `answers`, as a docs service does that knows
 * the ring. One position is enough for all drives: a test takes one that no other has.
 *
 *   POST /internal/v1/ring/claims              204 at the position and with the owner, or claim_error
 *   GET  /internal/v1/ring/journal?drive=&…    journal, of that drive; NULL: journal_status
 *   GET  /internal/v1/ring/home?user=          first_drive
 *   GET  /api/v2/docs/drives/{drive}/…         status, "version N" (or size bytes), ETag "vN", with tags if it is asked
 *   else /api/v2/docs/drives/{drive}/…         a change: refusal, or 200 at the next position, with stretch and touches
 */
#ifndef NEPHOS_TESTS_GATEWAY_SERVICE_DRIVE_H
#define NEPHOS_TESTS_GATEWAY_SERVICE_DRIVE_H

#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"
#include "tests/unit/gateway/service_content.h"

#define SERVICE_DRIVE_TEXT_SIZE 8192
#define SERVICE_DRIVE_READS_MAX 64

struct service_drive {
	struct gate reads, changes, claims, questions, first_questions; /* that came */
	pthread_mutex_t lock;						/* guards the rest */
	bool answers;	  /* else requests for drives are echoed, and there are no claims */
	int64_t seq;	  /* of incarnation 1 */
	int64_t timeline; /* of the database, said with each position; 0: it is not */
	int version;
	int status;	     /* of reads: 200, or 404 */
	const char *tags;    /* that an answer to a read has, behind the drive's; NULL: none */
	size_t size;	     /* of a read's body; 0: the version */
	const char *date;    /* when what is read was changed, which has parts then; NULL: that is not said */
	const char *touches; /* tags of the next changes, behind the drive's */
	int64_t skips;	     /* so many seqs before the next change, whose answers nobody gets */
	int refusal;	     /* of changes and reads: an error; 0: none */
	uint32_t refusal_drive;
	int refusals; /* so many; then it goes on */
	int claim_error;
	int owner;	     /* of all drives: anna, unless told; 0: it is not said */
	const char *journal; /* INCARNATION.FIRST-LAST, and tags behind the drive's; NULL: journal_status */
	int journal_status;
	bool waits; /* claims and questions to the journal are kept until service_drive_release */
	struct http_request *kept[8];
	size_t kept_count;
	bool reads_wait; /* reads see what is there when they come, and are answered by service_drive_release_reads */
	struct {
		struct http_request *req;
		int64_t seq;
		int version;
	} waiting[SERVICE_DRIVE_READS_MAX];
	size_t waiting_count;
	uint32_t first_drive;
	struct service_content content;
	char fields[SERVICE_DRIVE_TEXT_SIZE]; /* of the last request: line and fields */
};

void service_drive_init(struct service_drive *d);
void service_drive_reset(struct service_drive *d); /* as at first, but for what was counted, and answers */
void service_drive_release(struct service_drive *d);
void service_drive_release_reads(struct service_drive *d); /* those that came later do not wait */

/* Handlers; cookie: the service. */
void service_drive_claim(struct service_drive *d, struct http_request *req);
void service_drive_journal(struct service_drive *d, struct http_request *req);
void service_drive_first(struct service_drive *d, struct http_request *req);
bool service_drive_answer(struct service_drive *d, struct http_request *req); /* false: it is to be echoed */

#endif
