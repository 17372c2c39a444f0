/*
 * How each batch of a mount takes effect at most once, and the mount reports its true result (PROTOCOL.md, "Sessions of
 * mounts").
 *
 * A mount does two ops, one after the other, whose batches are equal byte for byte. Requests are lost, late, overtaken,
 * and repeated by the gateway; answers are lost; the session expires once; the store is unreachable now and then. What
 * must hold:
 *   - an op is never applied twice;
 *   - an op that was reported as a success was applied: this very op, not an earlier one;
 *   - an op that was reported as not done is not applied, at that time or later;
 *   - an op with an unknown result is not applied any more once the mount has the answer that another session has
 *     replaced that op's session.
 *
 * step                            where
 *   apply                          commit.c slot_run, rows/pg/begin.c see_session: under the drive's lock
 *   open_in_place                  rows/pg/session.c docs_pg_session_create, once.c transact: under the same lock
 *   attempt                        http/call.c attempt; upstream.c try_next for the second service
 *   the meaning of an answer       http/judge.c sh_judge, judge_session; http/batch.c on_batch
 *   give_up                        http/inquiry.c sh_inquire, http/session.c sh_session_lost
 *   the journal                    http/inquiry.c take_entry
 *
 * Each safeguard can be removed, and then an assertion must fail:
 *   -DNO_FENCE     the old session does not end in the transaction that makes the new one
 *   -DLOOK_FIRST   the mount reads the journal before the old session has ended
 *   -DREUSE        the mount gives the number of a batch that it has given up to another batch
 *   -DHIDDEN       the answer does not state that the gateway sent the request twice
 */

#define OPS 2
#define SESSIONS 3 /* at most; the mount has one at a time */
#define NUMBERS 3
#define SENDS 5 /* the most requests in all */
#define TRIES 2 /* the most attempts to send one batch under its number */

mtype = { DONE, GONE, ORDER, LOST };

/* ---- the store ---- */

bool alive[SESSIONS + 1];
byte last[SESSIONS + 1];
byte journal[(SESSIONS + 1) * NUMBERS]; /* the op that was applied under that key; 0: none */
byte sessions = 1;
bool expired;

byte op = 1, session = 1, number = 1, dead, dead_number, tokens; /* variables of the mount */

chan requests = [3] of { byte, byte, byte, byte }; /* session, number, op, token */
chan answers = [1] of { byte, mtype };		   /* token, what */

/* ---- facts for the assertions only ---- */

byte applied[OPS + 1];
bool told_not[OPS + 1], fenced[OPS + 1];

inline apply(s, n, o, ret)
{
	if
	:: !alive[s] -> ret = GONE
	:: alive[s] -> /* not "else", which would belong to the selection around this one */
		if
		:: n == last[s] + 1 ->
			last[s] = n;
			journal[s * NUMBERS + n] = o;
			applied[o]++;
			assert(applied[o] == 1);
			assert(!told_not[o]);
			assert(!fenced[o]);
			ret = DONE
		:: n == last[s] -> ret = DONE /* the stored answer is repeated: the body is the same */
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
		:: nempty(requests) -> requests ! s, n, o, token /* other requests overtake it */
		:: skip			     /* lost */
		:: apply(s, n, o, what);
			if
			:: token == tokens && nfull(answers) -> answers ! token, what
			:: skip /* the answer is lost, or the mount no longer waits for it */
			fi
		fi;
		s = 0; n = 0; o = 0; token = 0; what = 0 /* unused variables must not make more states */
	}
	/* The mount was silent for too long, so its session expires. */
	:: atomic { !expired && alive[sessions] -> expired = true; alive[sessions] = false }
	od
}

/* ---- the mount, and the gateway between it and the store ---- */


bool doubt, twice;

/* what: the answer to the last request, of the mount, or of the gateway after a first service did not answer. */
inline attempt(what)
{
	twice = false;
	tokens++;
	requests ! session, number, op, tokens;
	if
	:: tokens < SENDS -> /* the gateway gets no answer, and sends the request to another service */
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

/* Creates a session that replaces the lost one, in one transaction. */
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
		/* Nothing is sent under a lost session, nor before there is another session. */
		if
		:: session == 0 && sessions < SESSIONS -> open_in_place()
		/* the store is unreachable: no session that may still apply the op has been used for it */
		:: session == 0 ->
			told_not[op] = true;
			goto next
		:: else
		fi;
		if
		:: tokens >= SENDS -> told_not[op] = true; goto next /* the model's limit: the op was not sent */
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
		:: !doubt -> /* the first answer says that the op was not done: try again under another session */
			give_up();
			goto again
		:: else
		fi;
#ifdef REUSE
		goto next; /* the result is unknown, and the number is used again */
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
				:: goto again /* the op is sent again under the new session */
				:: told_not[op] = true; goto next
				fi
			fi
		:: fenced_op = op /* the store is unreachable: the result is unknown until the old session has ended */
		fi;
next:
		skip;
		d_step { op++; what = 0; twice = false; found = 0; tries = 0; doubt = false }
	od
}
