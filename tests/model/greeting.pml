/*
 * How two parts of a store know each other on a new connection, and nobody else does (PROTOCOL.md, "Greeting";
 * common/trust/hello.c).
 *
 * A client connects twice to a part that should be P, on P's port. P dies at any moment, and then a squatter has that
 * port. Q is another part of the store, alive, on a port of its own. The squatter has recorded whatever was said
 * between others, connects to P and Q himself, says there what he likes, passes on what he is told, and answers the
 * client with any proof that he has seen. He cannot make a proof, as he has no key. What must hold:
 *   - a client never takes a connection for good whose other end is not the part that he means (he would tell it what
 *     it asks for, tokens and content);
 *   - a server never takes the squatter for a part of the store.
 *
 * step                  where
 *   ask, take_answer      hello.c hello_ask, hello_confirm
 *   serve, take_confirm   hello.c answer, hello_hear
 *   the way               dial.c dial_way, door.c hear: compared where both ends are on one machine
 *   who is expected       upstream.c try_next: this instance. registration.c: any gateway; then only the way tells one
 *                         that passes it on
 *
 * Each safeguard can be taken away, and then something must fail:
 *   -DNO_SERVER_NUMBER   the server's number is always the same
 *   -DNO_CLIENT_NUMBER   the client's number is always the same
 *   -DONE_KEY            both directions prove with one key
 *   -DNO_NAME            the client does not look at who answers
 *   -DNO_WAY             the way is not compared
 */

#define P 1
#define Q 2
#define VISITS 2  /* of the client */
#define SERVED 3  /* questions that servers answer, for the bound */

/* A proof is over the client's number, the way that he said, the server's number and its name: one bit each, for "the
 * squatter has seen it". Ways: 0 the squatter's own, 1 the client's (it may come back to the same ports). */
#define PROOF(cn, way, sn, name) ((((cn) * 2 + (way)) * 4 + (sn)) * 3 + (name))
#define PROOFS 72
bool seen_server[PROOFS], seen_client[PROOFS];

bool alive = true;		   /* P */
bool way_checked, exact;   /* one machine; the client means P and no other */
byte numbers;			   /* of servers, given so far */
byte visit;				   /* the client's, from 1 */

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
	bool met; /* P itself, on this visit */

	/* Any gateway is expected on one machine only: between machines nobody but the network's owner can have the
	 * port. */
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
			:: alive && numbers < SERVED -> /* P itself; all of it is recorded */
				NEW_NUMBER(sn);
				met = true;
				seen_server[PROOF(CLIENT_NUMBER, 1, sn, P)] = true;
				seen_client[PROOF(CLIENT_NUMBER, 1, sn, P)] = true
			:: else -> skip
			fi
		}
		/* P was not there: the squatter had the port. He answers now or never. */
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
				assert(false) /* the client tells the squatter everything */
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
		/* the server takes him for a part of the store */
		if :: sn > 0 && HAS_CONFIRM(PROOF(cn, way, sn, name)) -> assert(false)
		:: skip
		fi
	:: else -> break
	od
}
