/*
 * How two parts of a store authenticate each other on a new connection, and no other process can (PROTOCOL.md,
 * "Greeting"; common/trust/hello.c).
 *
 * A client connects twice to a port that should belong to the part P. P dies at any moment, and after that a squatter
 * has that port. Q is another living part of the store, on a port of its own. The squatter has recorded all messages
 * between others. It connects to P and Q itself, sends them any messages, forwards messages, and answers the client
 * with any proof that it has seen. It cannot make a proof, because it has no key. What must hold:
 *   - a client never accepts a connection whose other end is not the part that the client means (otherwise the client
 *     would send its requests there, with tokens and content);
 *   - a server never takes the squatter for a part of the store.
 *
 * step                  where
 *   ask, take_answer      hello.c hello_ask, hello_confirm
 *   serve, take_confirm   hello.c answer, hello_hear
 *   the way               dial.c dial_way, door.c hear: the addresses of both ends, compared where both ends are on one
 *                         machine
 *   who is expected       upstream.c try_next: this instance. registration.c: any gateway; then only the way reveals a
 *                         process that forwards the messages
 *
 * Each safeguard can be removed, and then an assertion must fail:
 *   -DNO_SERVER_NUMBER   the server's number is always the same
 *   -DNO_CLIENT_NUMBER   the client's number is always the same
 *   -DONE_KEY            both directions prove with one key
 *   -DNO_NAME            the client does not look at the name of the part that answers
 *   -DNO_WAY             the way is not compared
 */

#define P 1
#define Q 2
#define VISITS 2  /* of the client */
#define SERVED 3  /* questions that servers answer, for the bound */

/* A proof is over the client's number, the way that the client stated, the server's number and its name. Each proof has
 * one bit: "the squatter has seen it". Ways: 0 the squatter's own, 1 the client's (which may have the same ports on
 * both visits). */
#define PROOF(cn, way, sn, name) ((((cn) * 2 + (way)) * 4 + (sn)) * 3 + (name))
#define PROOFS 72
bool seen_server[PROOFS], seen_client[PROOFS];

bool alive = true;		   /* P */
bool way_checked, exact;   /* both ends are on one machine; the client means P and no other part */
byte numbers;			   /* how many numbers servers have used */
byte visit;				   /* of the client, counted from 1 */

#ifdef NO_SERVER_NUMBER
#define NEW_NUMBER(ret) numbers++; ret = 1
#else
#define NEW_NUMBER(ret) numbers++; ret = numbers
#endif
#ifdef NO_CLIENT_NUMBER
#define CLIENT_NUMBER 1
#else
#define CLIENT_NUMBER visit
#endif
#ifdef NO_NAME
#define MEANT(name) true
#else
#define MEANT(name) (!exact || name == P)
#endif
#ifdef NO_WAY
#define SAME_WAY(way, real) true
#else
#define SAME_WAY(way, real) (!way_checked || way == real)
#endif
#ifdef ONE_KEY
#define HAS_CONFIRM(p) (seen_client[p] || seen_server[p])
#else
#define HAS_CONFIRM(p) seen_client[p]
#endif

active proctype client()
{
	byte sn, name;
	bool met; /* the client reached P itself on this visit */

	/* The client accepts any gateway on one machine only: between machines nobody but the network's owner can take
	 * over the port. */
	if
	:: exact = true; if :: way_checked = true :: way_checked = false fi
	:: exact = false; way_checked = true
	fi;
	do
	:: visit < VISITS ->
		atomic {
			visit++;
			met = false;
			if
			:: alive && numbers < SERVED -> /* P itself answers; the squatter records all of it */
				NEW_NUMBER(sn);
				met = true;
				seen_server[PROOF(CLIENT_NUMBER, 1, sn, P)] = true;
				seen_client[PROOF(CLIENT_NUMBER, 1, sn, P)] = true
			:: else -> skip
			fi
		}
		/* P is dead, so the squatter has the port. It answers, or not. */
		if
		:: !alive && !met -> goto squatted
		:: skip
		fi;
back:		skip
	:: else -> break
	od;
	goto over;
squatted:
	if
	:: skip -> goto back
	:: select (sn : 0 .. SERVED); select (name : P .. Q);
		atomic {
			if
			:: seen_server[PROOF(CLIENT_NUMBER, 1, sn, name)] && MEANT(name) ->
				seen_client[PROOF(CLIENT_NUMBER, 1, sn, name)] = true;
				assert(false) /* the client would send its requests to the squatter */
			:: else -> goto back
			fi
		}
	fi;
over:	skip
}

active proctype death()
{
	alive = false
}

/* The squatter's own connections to P and Q. */
active proctype squatter()
{
	byte cn, way, sn, name;

end:
	do
	:: numbers < SERVED ->
		select (cn : 0 .. VISITS); select (way : 0 .. 1); select (name : P .. Q);
		atomic {
			if
			:: cn <= visit && numbers < SERVED && (name == Q || alive) && SAME_WAY(way, 0) ->
				NEW_NUMBER(sn);
				seen_server[PROOF(cn, way, sn, name)] = true
			:: else -> sn = 0
			fi
		}
		/* the server takes the squatter for a part of the store */
		if :: sn > 0 && HAS_CONFIRM(PROOF(cn, way, sn, name)) -> assert(false)
		:: skip
		fi
	:: else -> break
	od
}
