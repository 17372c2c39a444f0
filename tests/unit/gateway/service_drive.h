/*
 * service_drive: the answers of the service of service.h about drives, once it `answers`, as a docs service that
 * knows the ring gives them. All drives share one position: each test uses a drive that no other test uses.
 *
 *   POST /internal/v1/ring/claims              204 at the position and with the owner, or claim_error
 *   GET  /internal/v1/ring/journal?drive=&…    journal, of that drive; NULL: journal_status
 *   GET  /internal/v1/ring/home?user=          first_drive, which is anna's (5); 404 for other users
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
	struct gate reads, changes, claims, questions, first_questions; /* count requests */
	pthread_mutex_t lock;						/* guards the rest */
	bool answers;	  /* else requests for drives are echoed, and claims get 404 */
	int64_t seq;	  /* the position, in incarnation 1 */
	int64_t timeline; /* of the database, sent with each position; 0: not sent */
	int version;
	int status;	     /* of reads: 200, or 404 */
	const char *tags;    /* of the answer to a read, after the drive's own; NULL: no tags are sent */
	size_t size;	     /* of a read's body; 0: the version */
	const char *date;    /* Last-Modified of a read, which then has parts, too; NULL: neither is sent */
	const char *touches; /* tags that the next changes touch, after the drive's own */
	int64_t skips;	     /* positions to skip before the next change, as by changes that the gateway did not see */
	int refusal;	     /* the error for changes and reads; 0: none */
	uint32_t refusal_drive;
	int refusals; /* how many requests get it */
	int claim_error;
	int owner;	     /* of all drives: anna (5) at first; 0: not sent */
	const char *journal; /* INCARNATION.FIRST-LAST, and tags after the drive's own; NULL: journal_status */
	int journal_status;
	bool waits; /* claims and questions to the journal are kept until service_drive_release */
	struct http_request *kept[8];
	size_t kept_count;
	bool reads_wait; /* reads are answered by service_drive_release_reads, with the state at their arrival */
	struct {
		struct http_request *req;
		int64_t seq;
		int version;
	} waiting[SERVICE_DRIVE_READS_MAX];
	size_t waiting_count;
	uint32_t first_drive;
	struct service_content content;
	char fields[SERVICE_DRIVE_TEXT_SIZE]; /* line and fields of the last request */
};

void service_drive_init(struct service_drive *d);
void service_drive_reset(struct service_drive *d); /* sets `answers`; keeps counts, seq and version */
void service_drive_release(struct service_drive *d);
void service_drive_release_reads(struct service_drive *d); /* later reads do not wait */

/* Handlers; cookie: the service. */
void service_drive_claim(struct service_drive *d, struct http_request *req);
void service_drive_journal(struct service_drive *d, struct http_request *req);
void service_drive_first(struct service_drive *d, struct http_request *req);
bool service_drive_answer(struct service_drive *d, struct http_request *req); /* false: the caller echoes the request */

#endif
