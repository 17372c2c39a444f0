/*
 * How a mount's batches take effect once, and are told as what they came to (PROTOCOL.md, "Sessions of mounts").
 *
 * A mount does two ops, one after the other, whose batches are the same to the byte. Requests are lost, late,
 * overtaken, and repeated by the gateway; answers are lost; the session ends by itself once; the store is out of reach
 * now and then. What must hold:
 *   - an op is never applied twice;
 *   - an op of which the mount was told that it succeeded was applied: that very one, not an earlier one;
 *   - an op that was told as not done is never applied, then or later;
 *   - an op of which nobody could say anything is not applied any more once the session that replaces its own is
 *     answered.
 *
 * step                            where
 *   apply                          commit.c slot_run, rows/pg/begin.c see_session: under the drive's lock
 *   open_in_place                  rows/pg/session.c docs_pg_session_create, once.c transact: under the same lock
 *   attempt                        http/call.c attempt; upstream.c try_next for the second service
 *   what an answer means           http/judge.c sh_judge, judge_session; http/batch.c on_batch
 *   give_up                        http/inquiry.c sh_inquire, http/session.c sh_session_lost
 *   the journal                    http/inquiry.c take_entry
 *
 * Each safeguard can be taken away, and then something must fail:
 *   -DNO_FENCE     the old session does not end in the transaction that makes the new one
 *   -DLOOK_FIRST   the journal is asked before the old session has ended
 *   -DREUSE        the number of a batch that was given up is given again
 *   -DHIDDEN       the answer does not say that the gateway asked twice
 */

#define OPS 2
#define SESSIONS 3 /* at most; the mount has one at a time */
#define NUMBERS 3
#define SENDS 5 /* of all requests together */
#define TRIES 2 /* of one batch under its number */

mtype = { DONE, GONE, ORDER, LOST };

/* ---- the store ---- */

bool alive[SESSIONS + 1];
byte last[SESSIONS + 1];
byte journal[(SESSIONS + 1) * NUMBERS]; /* which op has that key; 0: none */
byte sessions = 1;
bool expired;

byte op = 1, session = 1, number = 1, dead, dead_number, tokens; /* the mount's */

chan requests = [3] of { byte, byte, byte, byte }; /* session, number, op, token */
chan answers = [1] of { byte, mtype };		   /* token, what */

/* ---- what is known, for the assertions only ---- */

byte applied[OPS + 1];
bool told_not[OPS + 1], fenced[OPS + 1];

inline apply(s, n, o, ret)
{
	if
	:: !alive[s] -> ret = GONE
	:: alive[s] -> /* not "else": that would be one of the selection this stands in */
		if
		:: n == last[s] + 1 ->
			last[s] = n;
			journal[s * NUMBERS + n] = o;
			applied[o]++;
			assert(applied[o] == 1);
			assert(!told_not[o]);
			assert(!fenced[o]);
			ret = DONE
		:: n == last[s] -> ret = DONE /* the kept answer: the body is the same */
		:: else -> ret = ORDER
		fi
	fi
}

active proctype store()
{
	byte s, n, o, token;
	mtype what;

end:
	do
	:: atomic {
		requests ? s, n, o, token ->
		if
		:: nempty(requests) -> requests ! s, n, o, token /* others come first */
		:: skip			     /* lost */
		:: apply(s, n, o, what);
			if
			:: token == tokens && nfull(answers) -> answers ! token, what
			:: skip /* lost, or nobody waits for it any more */
			fi
		fi;
		s = 0; n = 0; o = 0; token = 0; what = 0 /* what is not used any more makes no states of its own */
	}
	/* It was not heard of the mount for too long. */
	:: atomic { !expired && alive[sessions] -> expired = true; alive[sessions] = false }
	od
}

/* ---- the mount, and the gateway on its way ---- */


bool doubt, twice;

/* what: of the request that was sent last, by the mount or, after a first service did not answer, by the gateway. */
inline attempt(what)
{
	twice = false;
	tokens++;
	requests ! session, number, op, tokens;
	if
	:: tokens < SENDS -> /* the gateway hears nothing, and asks another service */
		tokens++;
		requests ! session, number, op, tokens;
		twice = true
	:: skip
	fi;
	if
	:: answers ? token, what ->
		if
		:: token != tokens -> what = LOST
		:: else
		fi;
		token = 0
	:: what = LOST
	fi
}

/* A session in the place of the one that was lost: one transaction. */
inline open_in_place()
{
	atomic {
		sessions++;
		alive[sessions] = true;
#ifndef NO_FENCE
		alive[dead] = false;
#endif
		session = sessions;
		number = 1;
		if
		:: fenced_op != 0 -> fenced[fenced_op] = true; fenced_op = 0
		:: else
		fi
	}
}

inline succeeded()
{
	assert(applied[op] == 1)
}

inline give_up()
{
	d_step {
		dead = session;
		dead_number = number;
		session = 0
	}
}

active proctype mount()
{
	mtype what;
	byte tries, found, fenced_op, token;

	alive[1] = true;
	do
	:: op > OPS -> break
	:: else ->
		doubt = false;
		tries = 0;
again:
		/* Nothing is sent under a session that was lost, nor before there is another one. */
		if
		:: session == 0 && sessions < SESSIONS -> open_in_place()
		/* the store is out of reach: it was not sent under any session that may still do it */
		:: session == 0 ->
			told_not[op] = true;
			goto next
		:: else
		fi;
		if
		:: tokens >= SENDS -> told_not[op] = true; goto next /* the model's end: it has not been sent */
		:: else
		fi;
send:
		attempt(what);
		if
		:: what == DONE ->
			succeeded();
			number++;
			goto next
		:: what == LOST ->
			doubt = true;
			tries++;
			if
			:: tries < TRIES && tokens < SENDS -> goto send
			:: skip
			fi
		:: else ->
#ifndef HIDDEN
			doubt = doubt || twice;
#else
			skip;
#endif
		fi;
		if
		:: !doubt -> /* a first answer, that it was not done: under another session */
			give_up();
			goto again
		:: else
		fi;
#ifdef REUSE
		goto next; /* nobody knows, and the number is given again */
#endif
		give_up();
#ifdef LOOK_FIRST
		found = journal[dead * NUMBERS + dead_number];
#endif
		if
		:: sessions < SESSIONS ->
			open_in_place();
#ifndef LOOK_FIRST
			found = journal[dead * NUMBERS + dead_number];
#endif
			if
			:: found == op -> succeeded(); goto next
			:: else ->
				assert(found == 0);
				doubt = false;
				tries = 0;
				if
				:: goto again /* under the new session */
				:: told_not[op] = true; goto next
				fi
			fi
		:: fenced_op = op /* out of reach: nobody knows, until the old one has ended */
		fi;
next:
		skip;
		d_step { op++; what = 0; twice = false; found = 0; tries = 0; doubt = false }
	od
}
