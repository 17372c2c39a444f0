/*
 * headers: the fields of our own that requests and answers carry (PROTOCOL.md, "Headers"), each name once, and the two
 * whose value has a form. Pure; any thread.
 */
#ifndef NEPHOS_PROTO_HEADERS_H
#define NEPHOS_PROTO_HEADERS_H

#include <stdint.h>

#define HEADER_OURS "Nephos-" /* what all of them begin with: each may stand once in a message */

#define HEADER_HELLO "Nephos-Hello"	    /* between parts of a store: the greeting of a connection */
#define HEADER_USER "Nephos-User"	    /* gateway to service: who asks, a number */
#define HEADER_USER_NAME "Nephos-User-Name" /* the same: his name, percent-encoded */
#define HEADER_ADMIN "Nephos-Admin"	    /* the same: 0 or 1 */
#define HEADER_TOKEN_ID "Nephos-Token-Id"   /* the same: by which token */
#define HEADER_CLIENT "Nephos-Client"	    /* gateway to user service: from which address */
#define HEADER_TRACE "Nephos-Trace"	    /* everywhere: in every log line about the request */
#define HEADER_SEQ "Nephos-Seq"		    /* answer: the position of the drive that it saw or made */
#define HEADER_FLOOR "Nephos-Floor"	    /* request: an older view must be refused */
#define HEADER_USAGE "Nephos-Usage"	    /* answer: bytes of the drive, and its quota */
#define HEADER_SESSION "Nephos-Session"	    /* of a mount */
#define HEADER_BATCH "Nephos-Batch"	    /* number of a batch in its session, also on the answer */
#define HEADER_ATTEMPTS "Nephos-Attempts"   /* answer, by the gateway: so many services had the request */
#define HEADER_PATIENCE "Nephos-Patience"   /* request: 102 is understood while it waits for its turn */
#define HEADER_EPOCH "Nephos-Epoch"	    /* request: what the drive row must still have */
#define HEADER_LEASE "Nephos-Lease"	    /* the same */
#define HEADER_TOUCHED "Nephos-Touched"	    /* answer to a home: what the change has made untrue (touched.h) */
#define HEADER_TAGS "Nephos-Tags"	    /* request of a gateway: tags are wanted; answer: what it was made from */
#define HEADER_TAGS_WANTED "?1"
/* request of a gateway (?1): content that is longer than what it keeps as one answer may come as extents; answer: it
 * does, and this is its media type */
#define HEADER_CONTENT "Nephos-Content"
#define HEADER_CONTENT_WANTED "?1"
/* request of a home: a standby may answer that stands there; answer to a gateway: of which timeline the database is */
#define HEADER_STANDBY "Nephos-Standby"
#define HEADER_TIMELINE "Nephos-Timeline"
#define HEADER_DRIVE "Nephos-Drive" /* request of a gateway: for this drive or none; refused so: which one it is */
#define HEADER_HOP "Nephos-Hop"	    /* request between gateways: the epoch that the sender went by, and its name */
#define HEADER_STAMP "Nephos-Stamp" /* answer between gateways: by which its sender knows it again while it is kept */
#define HEADER_HOME "Nephos-Home"   /* answer: where the drive's home is, for who asks next */

#define HEADERS_VALUE_SIZE 48 /* two decimal numbers, what is between them, and the NUL */
#define HEADERS_STAND_SIZE 64 /* the same of three */

/* Where a drive stands, and the newest timeline of the database that anybody was told of before that. */
struct headers_stand {
	int64_t incarnation, seq, timeline;
};

/* INCARNATION.SEQ, of HEADER_SEQ and HEADER_FLOOR. */
void headers_position_print(int64_t incarnation, int64_t seq, char ret[HEADERS_VALUE_SIZE]);
/* -EINVAL: no such text, or NULL; nothing is set then. Neither number is negative. */
int headers_position_parse(const char *text, int64_t *ret_incarnation, int64_t *ret_seq);
/* INCARNATION.SEQ/TIMELINE, of HEADER_STANDBY. */
void headers_stand_print(const struct headers_stand *stand, char ret[HEADERS_STAND_SIZE]);
int headers_stand_parse(
	const char *text, struct headers_stand *ret); /* -EINVAL, also of an incarnation or timeline 0 */
/* USED/QUOTA, of HEADER_USAGE: bytes; a quota of 0 is none. */
void headers_usage_print(int64_t used, int64_t quota, char ret[HEADERS_VALUE_SIZE]);
int headers_usage_parse(const char *text, int64_t *ret_used, int64_t *ret_quota); /* as a position */

#endif
