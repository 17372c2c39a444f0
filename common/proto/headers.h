/*
 * headers: our own header fields in requests and answers (PROTOCOL.md, "Headers"): each name once, and the three
 * forms of values that are printed and parsed here. Pure; any thread.
 */
#ifndef NEPHOS_PROTO_HEADERS_H
#define NEPHOS_PROTO_HEADERS_H

#include <stdint.h>

#define HEADER_OURS "Nephos-" /* prefix of all of them; each may stand once in a message */

#define HEADER_HELLO "Nephos-Hello"	    /* between parts of a store: the greeting of a connection */
#define HEADER_USER "Nephos-User"	    /* gateway to service: the id of the user, a number */
#define HEADER_USER_NAME "Nephos-User-Name" /* the same: the user's name, percent-encoded */
#define HEADER_ADMIN "Nephos-Admin"	    /* the same: 0 or 1 */
#define HEADER_TOKEN_ID "Nephos-Token-Id"   /* the same: the id of the token that was used */
#define HEADER_CLIENT "Nephos-Client"	    /* gateway to user service: the client's address */
#define HEADER_TRACE "Nephos-Trace"	    /* everywhere: stands in every log line about the request */
#define HEADER_SEQ "Nephos-Seq"		    /* answer: the position of the drive that it saw or made */
#define HEADER_FLOOR "Nephos-Floor"	    /* request: a view older than this position must be refused */
#define HEADER_USAGE "Nephos-Usage"	    /* answer: bytes of the drive, and its quota */
#define HEADER_SESSION "Nephos-Session"	    /* the session of a mount */
#define HEADER_BATCH "Nephos-Batch"	    /* number of a batch in its session, also on the answer */
#define HEADER_ATTEMPTS "Nephos-Attempts"   /* answer, by the gateway: how many services got the request */
#define HEADER_PATIENCE "Nephos-Patience"   /* request: its sender understands 102 while it waits for its turn */
#define HEADER_EPOCH "Nephos-Epoch"	    /* request: the epoch that the drive's row must still have */
#define HEADER_LEASE "Nephos-Lease"	    /* the same for its lease */
#define HEADER_TOUCHED "Nephos-Touched"	    /* answer to a home: what the change made untrue (touched.h) */
#define HEADER_TAGS "Nephos-Tags"	    /* request of a gateway: tags are wanted; answer: its tags */
#define HEADER_TAGS_WANTED "?1"
/* Request of a gateway (?1): content that is longer than what the gateway keeps as one answer may come as extents.
 * Answer: the content comes as extents, and this is their media type. */
#define HEADER_CONTENT "Nephos-Content"
#define HEADER_CONTENT_WANTED "?1"
/* HEADER_STANDBY, request of a home: a standby may answer if it stands at this position. HEADER_TIMELINE, answer to
 * a gateway: the timeline that the database is on. */
#define HEADER_STANDBY "Nephos-Standby"
#define HEADER_TIMELINE "Nephos-Timeline"
#define HEADER_DRIVE "Nephos-Drive" /* request of a gateway: valid for this drive only; refusal: the right one */
#define HEADER_HOP "Nephos-Hop"	    /* request between gateways: the epoch that the sender used, and its name */
#define HEADER_STAMP "Nephos-Stamp" /* answer between gateways: its sender recognises it by this while it is kept */
#define HEADER_HOME "Nephos-Home"   /* answer: where the drive's home is, for the next request */

#define HEADERS_VALUE_SIZE 48 /* two decimal numbers, the text between them, and the NUL */
#define HEADERS_STAND_SIZE 64 /* the same for three numbers */

/* Where a drive stands, and the newest timeline of the database that anybody had been told of before that. */
struct headers_stand {
	int64_t incarnation, seq, timeline;
};

/* INCARNATION.SEQ: the value of HEADER_SEQ and HEADER_FLOOR. */
void headers_position_print(int64_t incarnation, int64_t seq, char ret[HEADERS_VALUE_SIZE]);
/* -EINVAL: text is NULL or malformed; nothing is set then. Neither number is negative. */
int headers_position_parse(const char *text, int64_t *ret_incarnation, int64_t *ret_seq);
/* INCARNATION.SEQ/TIMELINE: the value of HEADER_STANDBY. */
void headers_stand_print(const struct headers_stand *stand, char ret[HEADERS_STAND_SIZE]);
int headers_stand_parse(
	const char *text, struct headers_stand *ret); /* -EINVAL: also for an incarnation or timeline of 0 */
/* USED/QUOTA: the value of HEADER_USAGE, in bytes; a quota of 0 means none. */
void headers_usage_print(int64_t used, int64_t quota, char ret[HEADERS_VALUE_SIZE]);
int headers_usage_parse(const char *text, int64_t *ret_used, int64_t *ret_quota); /* as headers_position_parse */

#endif
