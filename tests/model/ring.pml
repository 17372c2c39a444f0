/*
 * How the home of a drive moves from gateway to gateway, and no cache ever gives a stale answer.
 *
 * One gateway is the home of a drive: only the home answers reads of the drive from memory, and only the home sends its
 * changes. The database stores the members of the ring, the ring's epoch, and in each drive's row the epoch in which a
 * gateway claimed the drive. Each operation of the database is one step. Everything else may happen late or not at all:
 * a gateway may pause for any time between any two of its steps, die, and come back as another boot. Requests arrive
 * after their sender has given them up or died. Answers are late or lost. A client sends its request again, also
 * through another gateway, while the first one is still in flight.
 *
 * A value is the seq of the change that made it, so that "older" is "less". What must hold:
 *
 *   no read that began after a change was acknowledged returns the state from before that change.
 *
 * Time has no clock here. A lease is a bit at its holder; the bit may be cleared at any moment ("lapse"), and a step
 * that waits for the end of a lease is possible only after that. With clocks this holds by simple arithmetic: the
 * holder counts from before it asked, the database notes the renewal after that, and a gateway that waits counts from a
 * look at the database after that. So the holder's lease ends first. Two of the variants model what clocks can break.
 *
 * The steps, with the names that they have below. The steps of members are rules in common/ring, run by
 * gateway/ring/ring.c and backend/docs/rows/pg/ring.c; claim, commit and repeat are in the docs service; the others are
 * rules in gateway/ring/homes, run by gateway/ring/keeper:
 *
 *   renew, granted  a gateway asks for its lease; the answer comes later, and may be too late
 *                   (membership_hear, member_ask, member_hear)
 *   lapse           the lease is over: the gateway serves nothing from memory (member_has_lease)
 *   propose         the next members are written down; the ring prepares (membership.c propose)
 *   stop, say       the old home of a drive that moves stops caching it, and reports this afterwards
 *                   (member_moves, member_stopped)
 *   activate        each member has reported or has no lease: the next members become the members, under a new epoch
 *                   (membership.c activate)
 *   learn           a gateway learns of the new epoch; it keeps its cache only if it took part in preparing that epoch
 *                   (member.c STEPS: NEXT and OTHER)
 *   claim, have     the new home writes its epoch into the drive's row; the answer has the drive's seq
 *                   (sql ring_claim; homes_claim, homes_claimed)
 *   send            a change is sent with the epoch of the sender's claim; the epoch is never taken from a client
 *                   (gateway/proxy/proxy_home.c go_here, forward_headers.c)
 *   commit          the database makes the change, on condition that the drive's row has that epoch
 *   repeat          the change was made before: its answer is given again, on the same condition
 *                   (both: commit_check_home, by backend/docs/rules/commit.c and request/idempotent.c)
 *   apply           the answer is at its gateway, which drops stale entries and then acknowledges
 *                   (homes_touched, by keeper_answered, before anything of the answer is passed on)
 *   lose            a gateway gives up waiting for the answer; the request may still arrive
 *   ask, hear       a home that has missed something is in doubt until it has read the journal
 *                   (homes_ask, homes_told; in doubt is HOME_BEHIND)
 *   fill, keep      a read of a docs service for the cache, and for the readers who wait for it
 *                   (proxy_fill.c, gateway/cache/fence.c; proxy_flight.c for the readers who wait)
 *   tell            a reader is answered by a read of its own, which may have seen changes that the home has not yet
 *                   received (homes_saw, homes_doubt)
 *   past            a read at a gateway whose home has crashed goes to a docs service. It is answered only while the
 *                   ring cannot have gone on without this gateway (proxy_home.c has_moved; member_holds_epoch)
 *   lift, put       entries of the home are copied to another gateway. That gateway has dropped nothing after the
 *                   position at which the entries are true, and serves none of them before it is the home
 *                   (homes_offered, replicas_take_offer; cache_put_copy)
 *   follow          copies of entries that the home has dropped are dropped (keeper_offered), or the journal names
 *                   them. A gateway that gives up a drive likewise keeps its entries; the entries of a drive that it
 *                   claims begin at the position where they are true, in doubt (homes_give_up, homes_claimed)
 *
 * Each safeguard can be removed, and then the property must fail:
 *
 *   NO_LEASE_WAIT     the ring goes on without a silent member whose lease may still hold
 *   NO_PREPARE        the ring goes on without asking the old homes
 *   SAY_FIRST         a home reports that it has stopped before it has
 *   NO_CLAIM          the new home does not write its epoch into the row
 *   LATE_CLAIM        the answer to a claim counts although the gateway has stopped for the drive since
 *   LATE_CLOCK        a lease counts from the answer
 *   SAME_BOOT         a gateway that comes back takes the lease and the claims of its former boot for its own
 *   KEEP_ALL          a gateway that took no part in a change of members keeps its cache
 *   NO_FENCE          a fill is kept even if its entry was dropped after the fill was sent
 *   NO_WAITERS_RULE   a reader that came after an acknowledged change gets a fill from before it
 *   WAIT_WITHOUT_LEASE  a gateway that has no lease any more gives a fill to the readers who wait for it
 *   NO_GAP_RULE       a home goes on as if nothing were missing after a change whose seq is not the next one
 *   NO_SEEN_RULE      a read that saw more than the home has followed is answered, and the home goes on all the same
 *   TOLD_BY_CHANGES   the rule for readers who wait counts only changes, not what other readers have seen
 *   TELL_WITHOUT_LEASE  a home whose lease has run out gives a reader the answer of its own read
 *   PAST_UNCHECKED    a read that went past a home that has crashed is answered although the ring may have gone on
 *   PAST_AFTER_SAID   the same, but only after this gateway has reported that the ring may go on
 *   REPEAT_UNCHECKED  a repeat is answered whatever the epoch of its sender is
 *   OLD_REPLICA       the new home serves copied or kept entries without reading the journal since then
 *   SERVE_REPLICA     a gateway serves copied entries before it is the home
 *   NEW_REPLICA       a copy counts as true at the position of the replica, not at that of its home when it was taken
 *   PUT_REPLICA       a copy is kept even if its entry was dropped after the copy was taken
 *
 * The search has shown that one rule is not needed: a home that gives up waiting for an answer need not be in doubt for
 * that reason. Before anybody learns of the change, it reaches the home as the answer to the repeat, as a gap, or
 * through a read that saw it.
 *
 * The extent of the search: RUN: the gateways; BEGIN: the first members (both are sets: 7 is all three, 3 the first
 * two); EPOCHS: the last epoch; DOCS: the number of documents (1, 2), with one change to each; FORMS: the number of
 * different answers about the first one (1, 2); DRIVES: the number of drives in which they lie (1, 2); CRASHES, and
 * LOSSES of requests: how many; COPIES (0: a gateway that gives a drive up forgets it, 1: it keeps it, and homes copy);
 * PAST: a reader goes past a home that has crashed.
 * A search with the most of everything is too large; run.sh lists the searches.
 */

#ifndef DRIVES
#define DRIVES 1
#endif
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef LOSSES
#define LOSSES 0
#endif
#ifndef DOCS
#define DOCS 1 /* how many documents there are; each is changed once */
#endif
#ifndef FORMS
#define FORMS 1 /* how many answers about the first document may be cached; with two, the second document is not read */
#endif
#define ENTRIES (DOCS == 2 || FORMS == 2)
#ifndef COPIES
#define COPIES 0
#endif
#ifndef RUN
#define RUN 7 /* the set of gateways */
#endif
#ifndef BEGIN
#define BEGIN RUN /* the set of the first members; the others run and ask to join */
#endif

#define GATEWAYS 3
#define NOTHING 15
#if FORMS == 2
#define DOC(x) 0
#else
#define DOC(x) (x)
#endif
#if DRIVES == 1
#define DRIVE(x) 0
#else
#define DRIVE(x) (x)
#endif
#define GD(g, d) ((g) * 2 + (d)) /* index: a gateway and a drive */
#define GX(g, x) ((g) * 2 + (x)) /* index: a gateway and an entry or a document */
#define BIT(g) (1 << (g))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* ---- in the database ---- */
byte epoch = 1;
bool preparing;
byte members = BEGIN, next_members, said; /* sets of gateways */
byte row_epoch[2] = 1, seq[2];	      /* of drives */
byte made[2];			      /* by document: the seq of its change, which is its value; 0: not changed yet */

/* ---- gateways ---- */
byte up = RUN, fresh;		/* fresh: started again, and not admitted yet */
byte lease = BEGIN, granted; /* the gateways that hold a lease; those whose renewal is in flight */
#ifdef LATE_CLOCK
byte late; /* the gateways whose renewal arrives too late to count */
#endif
byte view[GATEWAYS];		/* the last epoch that the gateway has learnt of */
byte stopped[GATEWAYS];		/* the coming epoch for which it has stopped */
byte claiming[6], claim_seq[6];	/* the answer to a claim, in flight: its epoch, and the drive's seq */
byte claimed[6];		/* the epoch that it wrote into the drive's row; 0: it is not the home */
byte known[6];			/* the seq up to which it has dropped stale entries; of a replica, where it is true */
bool has[6];			/* it is the home, or has a replica */
byte told[6];			/* the seq up to which it has acknowledged */
bool doubt[6];			/* it may have missed something */
byte journal[6];		/* the answer of the journal, in flight: a seq */
byte cache[6], dropped[6];
byte lift[6], lift_seq[6];	/* an entry in flight from the home to it, and the seq at which the entry is true */
byte fill[6], fill_seq[6];	/* a read in flight: the value, and the seq that it saw */

/* ---- between them ---- */
byte sent[6];	  /* a change in flight: the epoch that it was sent with */
bool answered[6]; /* the answer to the change is in flight */
byte orphan[2];   /* a request for whose answer its sender no longer waits: its epoch */
byte acked[2];	  /* by document, the newest value in any answer to a client */
byte crashes, losses;

#define IN(set, g) (((set) & BIT(g)) != 0)
#define FIRST(set, d) \
	(IN(set, d) -> (d) : (IN(set, (d) + 1) -> (d) + 1 : (IN(set, ((d) + 2) % 3) -> ((d) + 2) % 3 : 9)))
#define IS_MEMBER(g) (IN(up, g) && IN(members, g) && !IN(fresh, g))
#define MOVES(g, d) (FIRST(members, d) == g && FIRST(next_members, d) != g)
#ifdef SERVE_REPLICA
#define SERVES(g, d) (IN(up, g) && IN(lease, g) && !doubt[GD(g, d)])
#else
#define SERVES(g, d) (IN(up, g) && IN(lease, g) && claimed[GD(g, d)] && !doubt[GD(g, d)])
#endif

inline clear(g, x)
{
	cache[GX(g, x)] = NOTHING; fill[GX(g, x)] = NOTHING; fill_seq[GX(g, x)] = 0; dropped[GX(g, x)] = 0;
	lift[GX(g, x)] = NOTHING; lift_seq[GX(g, x)] = 0
}
/* Cached entries stay, and fills in flight may still be cached, but no reader gets them. */
inline leave(g, x)
{
#if COPIES
	if
	:: fill[GX(g, x)] != NOTHING -> lift[GX(g, x)] = fill[GX(g, x)]; lift_seq[GX(g, x)] = fill_seq[GX(g, x)]
	:: else
	fi;
	fill[GX(g, x)] = NOTHING; fill_seq[GX(g, x)] = 0
#else
	clear(g, x)
#endif
}
inline give_up(g, d)
{
#ifndef LATE_CLAIM
	claiming[GD(g, d)] = 0; claim_seq[GD(g, d)] = 0;
#endif
#if !COPIES
	known[GD(g, d)] = 0; has[GD(g, d)] = false;
#endif
	claimed[GD(g, d)] = 0; told[GD(g, d)] = 0; doubt[GD(g, d)] = false;
	journal[GD(g, d)] = NOTHING;
	if
	:: DRIVE(0) == d -> leave(g, 0)
	:: else
	fi;
	if
	:: DRIVE(1) == d -> leave(g, 1)
	:: else
	fi
}
/* Entries that the home has of the drive from before s no longer count, and neither do fills in flight. */
inline floor(g, d, s)
{
	known[GD(g, d)] = MAX(known[GD(g, d)], s);
	if
	:: DRIVE(0) == d -> cache[GX(g, 0)] = NOTHING; dropped[GX(g, 0)] = known[GD(g, d)]
	:: else
	fi;
	if
	:: DRIVE(1) == d -> cache[GX(g, 1)] = NOTHING; dropped[GX(g, 1)] = known[GD(g, d)]
	:: else
	fi
}
#define TOUCHED(g, d, x, s) (DRIVE(x) == d && made[DOC(x)] > known[GD(g, d)] && made[DOC(x)] <= (s))
/* Drops the entries that changes up to s have touched. */
inline follow(g, d, s)
{
	if
	:: TOUCHED(g, d, 0, s) -> cache[GX(g, 0)] = NOTHING; dropped[GX(g, 0)] = MAX(s, dropped[GX(g, 0)])
	:: else
	fi;
	if
	:: TOUCHED(g, d, 1, s) -> cache[GX(g, 1)] = NOTHING; dropped[GX(g, 1)] = MAX(s, dropped[GX(g, 1)])
	:: else
	fi;
	known[GD(g, d)] = MAX(known[GD(g, d)], s)
}


/* The lease of a gateway is over, and no renewal that still counts is in flight. */
#define GONE(g) (!IN(lease, g) && !IN(granted, g))

#ifdef NO_LEASE_WAIT
#define IS_OUT(g) IN(members, g)
#define MAY_GO_ON(g) (!IN(members, g) || IN(said, g) || GONE(g) || !IN(next_members, g))
#else
#define IS_OUT(g) (IN(members, g) && GONE(g))
#ifdef NO_PREPARE
#define MAY_GO_ON(g) (!IN(members, g) || IN(next_members, g) || GONE(g))
#else
#define MAY_GO_ON(g) (!IN(members, g) || IN(said, g) || GONE(g))
#endif
#endif

/* The steps of the ring. Any gateway may have the database do one, through any docs service, when it is due. */
proctype ring()
{
	byte set;

end:	do
	:: atomic { !preparing && epoch < EPOCHS && (IS_OUT(0) || IS_OUT(1) || IS_OUT(2)) ->
		/* propose: removes a silent member */
		if
		:: IS_OUT(0) -> set = 1
		:: IS_OUT(1) -> set = 2
		:: IS_OUT(2) -> set = 4
		fi;
		preparing = true; next_members = members & (7 - set); set = 0 }
	:: d_step { !preparing && epoch < EPOCHS && (up & (7 - members)) != 0 ->
		/* propose: adds the gateways that run and are no members */
		preparing = true; next_members = members | up }
	:: d_step { preparing && MAY_GO_ON(0) && MAY_GO_ON(1) && MAY_GO_ON(2) ->
		/* activate */
		preparing = false; epoch++;
		fresh = fresh & (7 - (next_members & (7 - members)));
		members = next_members; next_members = 0; said = 0 }
	od
}

#ifdef NO_CLAIM
#define WRITE_CLAIM(d) skip
#else
#define WRITE_CLAIM(d) row_epoch[d] = epoch
#endif
inline in_doubt(g, d)
{
	doubt[GD(g, d)] = true; journal[GD(g, d)] = NOTHING
}

/* It is the home now. Copied or kept entries stay unless the journal since then names them. */
inline have(g, d)
{
	claimed[GD(g, d)] = claiming[GD(g, d)]; told[GD(g, d)] = claim_seq[GD(g, d)];
	if
	:: !has[GD(g, d)] -> floor(g, d, claim_seq[GD(g, d)])
#ifdef OLD_REPLICA
	:: else -> known[GD(g, d)] = MAX(known[GD(g, d)], claim_seq[GD(g, d)])
#else
	:: else -> in_doubt(g, d)
#endif
	fi;
	has[GD(g, d)] = true;
	claiming[GD(g, d)] = 0; claim_seq[GD(g, d)] = 0
}

/* The journal has named the changes up to its seq, and the entries that they touched are dropped. */
inline hear(g, d)
{
	follow(g, d, journal[GD(g, d)]);
	doubt[GD(g, d)] = false; journal[GD(g, d)] = NOTHING
}

inline drop(g, doc, s)
{
	if
	:: DOC(0) == doc -> cache[GX(g, 0)] = NOTHING; dropped[GX(g, 0)] = MAX(s, dropped[GX(g, 0)])
	:: else
	fi;
	if
	:: DOC(1) == doc -> cache[GX(g, 1)] = NOTHING; dropped[GX(g, 1)] = MAX(s, dropped[GX(g, 1)])
	:: else
	fi
}

/* The answer to a change has arrived: the entries that it touched are dropped, and then the client is answered. */
inline apply(g, doc)
{
	answered[GX(g, doc)] = false;
	if
	:: claimed[GD(g, DRIVE(doc))] ->
		drop(g, doc, made[doc]);
#ifndef NO_GAP_RULE
		if
		:: made[doc] > known[GD(g, DRIVE(doc))] + 1 -> in_doubt(g, DRIVE(doc))
		:: else -> known[GD(g, DRIVE(doc))] = MAX(known[GD(g, DRIVE(doc))], made[doc])
		fi;
#else
		known[GD(g, DRIVE(doc))] = MAX(known[GD(g, DRIVE(doc))], made[doc]);
#endif
		told[GD(g, DRIVE(doc))] = MAX(told[GD(g, DRIVE(doc))], made[doc])
	:: else
	fi;
	acked[doc] = MAX(acked[doc], made[doc])
}

inline lose(g, doc)
{
	orphan[doc] = MAX(orphan[doc], sent[GX(g, doc)]);
	sent[GX(g, doc)] = 0;
	answered[GX(g, doc)] = false
}

#ifdef NO_FENCE
#define KEPT(g, x) true
#else
#define KEPT(g, x) (fill_seq[GX(g, x)] >= dropped[GX(g, x)])
#endif
#define MAY_FILL(g, x) \
	(IN(up, g) && claimed[GD(g, DRIVE(x))] && fill[GX(g, x)] == NOTHING && cache[GX(g, x)] == NOTHING)

/* The answer of a read has arrived, and is cached unless the fence forbids it. */
inline keep(g, x)
{
	cache[GX(g, x)] = (KEPT(g, x) -> fill[GX(g, x)] : cache[GX(g, x)]);
	fill[GX(g, x)] = NOTHING; fill_seq[GX(g, x)] = 0
}

/* Entries go to the next home. It is asked first, and takes entries that are true at its own position or later. */
#if RUN == 7
#define NEXT(g) (((g) + 1) % 3)
#else
#define NEXT(g) (1 - (g))
#endif
#define MAY_LIFT(g, x) \
	(IN(up, g) && claimed[GD(g, DRIVE(x))] && cache[GX(g, x)] != NOTHING && IN(up, NEXT(g)) && \
		!claimed[GD(NEXT(g), DRIVE(x))] && !claiming[GD(NEXT(g), DRIVE(x))] && \
		lift[GX(NEXT(g), x)] == NOTHING && cache[GX(NEXT(g), x)] == NOTHING && \
		(!has[GD(NEXT(g), DRIVE(x))] || known[GD(NEXT(g), DRIVE(x))] <= known[GD(g, DRIVE(x))]))
inline lift_to(g, h, x)
{
	if
	:: !has[GD(h, DRIVE(x))] -> has[GD(h, DRIVE(x))] = true; known[GD(h, DRIVE(x))] = known[GD(g, DRIVE(x))]
	:: else
	fi;
	lift[GX(h, x)] = cache[GX(g, x)]; lift_seq[GX(h, x)] = known[GD(g, DRIVE(x))]
}
/* The copy arrives at some time. */
#ifdef PUT_REPLICA
#define PUTS(g, x) true
#else
#ifdef NEW_REPLICA
#define PUTS(g, x) (known[GD(g, DRIVE(x))] >= dropped[GX(g, x)])
#else
#define PUTS(g, x) (lift_seq[GX(g, x)] >= dropped[GX(g, x)])
#endif
#endif
inline put(g, x)
{
	cache[GX(g, x)] = (cache[GX(g, x)] == NOTHING && PUTS(g, x) -> lift[GX(g, x)] : cache[GX(g, x)]);
	lift[GX(g, x)] = NOTHING; lift_seq[GX(g, x)] = 0
}
#define MAY_FOLLOW(g, d) \
	(IN(up, g) && claimed[GD(g, d)] && IN(up, NEXT(g)) && has[GD(NEXT(g), d)] && !claimed[GD(NEXT(g), d)] && \
		!claiming[GD(NEXT(g), d)] && known[GD(NEXT(g), d)] < known[GD(g, d)])

#define MAY_CLAIM(g, d) \
	(IS_MEMBER(g) && view[g] == epoch && FIRST(members, d) == g && !claimed[GD(g, d)] && !claiming[GD(g, d)] && \
		!(stopped[g] == epoch + 1 && MOVES(g, d)))

#ifdef NO_WAITERS_RULE
#define NEW_ENOUGH(g, x, then) true
#else
#define NEW_ENOUGH(g, x, then) (fill_seq[GX(g, x)] >= (then))
#endif
#ifdef WAIT_WITHOUT_LEASE
#define MAY_HAND_OUT(g, x, then) (fill[GX(g, x)] != NOTHING && NEW_ENOUGH(g, x, then))
#else
#define MAY_HAND_OUT(g, x, then) \
	(fill[GX(g, x)] != NOTHING && IN(lease, g) && claimed[GD(g, DRIVE(x))] && NEW_ENOUGH(g, x, then))
#endif

/* A reader with a read of its own is answered, whatever the read saw. If that is more than the home has followed, the
   home is in doubt first. (The value was read after the reader came, so it needs no rule for readers who wait.) */
inline tell(g)
{
#ifndef NO_SEEN_RULE
	if
	:: fill_seq[GX(g, 1)] > known[GD(g, DRIVE(1))] -> in_doubt(g, DRIVE(1))
	:: else
	fi;
#endif
#ifndef TOLD_BY_CHANGES
	told[GD(g, DRIVE(1))] = MAX(told[GD(g, DRIVE(1))], fill_seq[GX(g, 1)]);
#endif
	acked[0] = MAX(acked[0], fill[GX(g, 1)])
}
#ifdef TELL_WITHOUT_LEASE
#define SAW(g) (IN(up, g) && claimed[GD(g, DRIVE(1))] && fill[GX(g, 1)] > acked[0])
#else
#define SAW(g) (IN(up, g) && IN(lease, g) && claimed[GD(g, DRIVE(1))] && fill[GX(g, 1)] > acked[0])
#endif

proctype gateway(byte g)
{
	byte d;
#if COPIES
	byte h;
#endif

end:	do
	/* ---- its lease ---- */
	:: d_step { IS_MEMBER(g) && view[g] == epoch && !IN(lease, g) && !IN(granted, g) ->
		/* renew */
		granted = granted | BIT(g) }
	:: d_step { IN(granted, g) && IN(up, g) ->
		/* granted */
		lease = lease | BIT(g); granted = granted & (7 - BIT(g)) }
	:: d_step { IN(lease, g) || IN(granted, g) ->
		/* lapse */
		lease = lease & (7 - BIT(g));
#ifdef LATE_CLOCK
		late = late | (granted & BIT(g));
#endif
		granted = granted & (7 - BIT(g)) }
#ifdef LATE_CLOCK
	:: d_step { IN(late, g) && IN(up, g) -> lease = lease | BIT(g); late = late & (7 - BIT(g)) }
#endif
	/* ---- the members ---- */
	:: d_step { IS_MEMBER(g) && preparing && view[g] == epoch && stopped[g] != epoch + 1 ->
		/* stop */
		stopped[g] = epoch + 1;
		if
		:: MOVES(g, 0) -> give_up(g, 0)
		:: else
		fi;
		if
		:: DRIVES > 1 && MOVES(g, 1) -> give_up(g, 1)
		:: else
		fi }
#ifdef SAY_FIRST
	:: d_step { IS_MEMBER(g) && preparing && view[g] == epoch && !IN(said, g) -> said = said | BIT(g) }
#else
	:: d_step { IS_MEMBER(g) && preparing && stopped[g] == epoch + 1 && !IN(said, g) -> said = said | BIT(g) }
#endif
	:: d_step { IN(up, g) && view[g] < epoch ->
		/* learn */
		if
		:: IS_MEMBER(g) && view[g] + 1 == epoch && stopped[g] == epoch -> skip
		:: else ->
#ifndef KEEP_ALL
			give_up(g, 0); give_up(g, 1);
#endif
			lease = lease & (7 - BIT(g)); granted = granted & (7 - BIT(g))
		fi;
		stopped[g] = 0;
		view[g] = epoch }
	/* ---- drives ---- */
	:: d_step { MAY_CLAIM(g, 0) -> WRITE_CLAIM(0); claiming[GD(g, 0)] = epoch; claim_seq[GD(g, 0)] = seq[0] }
	:: d_step { IN(up, g) && claiming[GD(g, 0)] -> d = 0; have(g, d); d = 0 }
	:: d_step { IN(up, g) && doubt[GD(g, 0)] && journal[GD(g, 0)] == NOTHING ->
		/* ask */
		journal[GD(g, 0)] = seq[0] }
	:: d_step { IN(up, g) && journal[GD(g, 0)] != NOTHING -> d = 0; hear(g, d); d = 0 }
#if DRIVES > 1
	:: d_step { MAY_CLAIM(g, 1) -> WRITE_CLAIM(1); claiming[GD(g, 1)] = epoch; claim_seq[GD(g, 1)] = seq[1] }
	:: d_step { IN(up, g) && claiming[GD(g, 1)] -> d = 1; have(g, d); d = 0 }
	:: d_step { IN(up, g) && doubt[GD(g, 1)] && journal[GD(g, 1)] == NOTHING ->
		/* ask */
		journal[GD(g, 1)] = seq[1] }
	:: d_step { IN(up, g) && journal[GD(g, 1)] != NOTHING -> d = 1; hear(g, d); d = 0 }
#endif
	/* ---- the cache ---- */
	:: d_step { MAY_FILL(g, 0) -> fill[GX(g, 0)] = made[DOC(0)]; fill_seq[GX(g, 0)] = seq[DRIVE(0)] }
	:: d_step { IN(up, g) && fill[GX(g, 0)] != NOTHING -> keep(g, 0) }
#if ENTRIES
	:: d_step { MAY_FILL(g, 1) -> fill[GX(g, 1)] = made[DOC(1)]; fill_seq[GX(g, 1)] = seq[DRIVE(1)] }
	:: d_step { IN(up, g) && fill[GX(g, 1)] != NOTHING -> keep(g, 1) }
#endif
#if COPIES
	:: d_step { MAY_LIFT(g, 0) -> h = NEXT(g); lift_to(g, h, 0); h = 0 }
	:: d_step { IN(up, g) && lift[GX(g, 0)] != NOTHING -> put(g, 0) }
	:: d_step { MAY_FOLLOW(g, 0) -> h = NEXT(g); d = 0; follow(h, d, known[GD(g, 0)]); h = 0; d = 0 }
#if ENTRIES
	:: d_step { MAY_LIFT(g, 1) -> h = NEXT(g); lift_to(g, h, 1); h = 0 }
	:: d_step { IN(up, g) && lift[GX(g, 1)] != NOTHING -> put(g, 1) }
#endif
#endif
	/* ---- changes ---- */
	:: d_step { IN(up, g) && claimed[GD(g, DRIVE(0))] && !sent[GX(g, 0)] && !answered[GX(g, 0)] && !acked[0] ->
		sent[GX(g, 0)] = claimed[GD(g, DRIVE(0))] }
	:: d_step { IN(up, g) && answered[GX(g, 0)] -> apply(g, 0) }
	:: d_step { IN(up, g) && losses < LOSSES && (sent[GX(g, 0)] || answered[GX(g, 0)]) -> losses++; lose(g, 0) }
#if DOCS > 1
	:: d_step { IN(up, g) && claimed[GD(g, DRIVE(1))] && !sent[GX(g, 1)] && !answered[GX(g, 1)] && !acked[1] ->
		sent[GX(g, 1)] = claimed[GD(g, DRIVE(1))] }
	:: d_step { IN(up, g) && answered[GX(g, 1)] -> apply(g, 1) }
	:: d_step { IN(up, g) && losses < LOSSES && (sent[GX(g, 1)] || answered[GX(g, 1)]) -> losses++; lose(g, 1) }
#endif
	/* ---- a crash, and another start ---- */
	:: d_step { IN(up, g) && crashes < CRASHES ->
		crashes++; up = up & (7 - BIT(g));
		stopped[g] = 0;
		orphan[0] = MAX(orphan[0], sent[GX(g, 0)]); sent[GX(g, 0)] = 0; answered[GX(g, 0)] = false;
		orphan[1] = MAX(orphan[1], sent[GX(g, 1)]); sent[GX(g, 1)] = 0; answered[GX(g, 1)] = false;
#ifdef SAME_BOOT
		/* Afterwards it takes these for its own: the lease, the epoch that it had learnt, its claims. */
		clear(g, 0); clear(g, 1)
#else
		lease = lease & (7 - BIT(g)); granted = granted & (7 - BIT(g)); view[g] = 0;
		give_up(g, 0); give_up(g, 1);
		clear(g, 0); clear(g, 1);
		known[GD(g, 0)] = 0; has[GD(g, 0)] = false; known[GD(g, 1)] = 0; has[GD(g, 1)] = false
#endif
	}
	:: d_step { !IN(up, g) ->
		up = up | BIT(g);
#ifndef SAME_BOOT
		fresh = fresh | BIT(g)
#endif
	}
	od
}

#ifdef REPEAT_UNCHECKED
#define MAY_REPEAT(g, x) true
#else
#define MAY_REPEAT(g, x) (row_epoch[DRIVE(x)] == sent[GX(g, x)])
#endif
#define COMMIT(x) seq[DRIVE(x)]++; made[x] = seq[DRIVE(x)]

/* A docs service, and the database behind it: a request arrives. */
proctype docs(byte x)
{
	byte g;

end:	do
	:: atomic { sent[GX(0, x)] || sent[GX(1, x)] || sent[GX(2, x)] ->
		if
		:: sent[GX(0, x)] -> g = 0
		:: sent[GX(1, x)] -> g = 1
		:: sent[GX(2, x)] -> g = 2
		fi;
		if
		:: !made[x] && row_epoch[DRIVE(x)] == sent[GX(g, x)] -> COMMIT(x); answered[GX(g, x)] = true
		:: !made[x] && row_epoch[DRIVE(x)] != sent[GX(g, x)] -> skip /* refused */
		:: made[x] && MAY_REPEAT(g, x) -> answered[GX(g, x)] = true
		:: made[x] && !MAY_REPEAT(g, x) -> skip
		fi;
		sent[GX(g, x)] = 0; g = 0 }
	:: d_step { orphan[x] && !made[x] && row_epoch[DRIVE(x)] == orphan[x] -> COMMIT(x); orphan[x] = 0 }
	od
}

/* One read, which begins at any time, at any gateway, and asks for one entry. */
proctype reader()
{
	byte x, g, low, floor_then;

	atomic {
		if
		:: x = 0
#if ENTRIES
		:: x = 1
#endif
		fi;
		if
		:: g = 0
		:: g = 1
#if RUN == 7
		:: g = 2
#endif
		fi;
		low = acked[DOC(x)];
		floor_then = told[GD(g, DRIVE(x))]
	}
end:	do
	:: d_step { SERVES(g, DRIVE(x)) && cache[GX(g, x)] != NOTHING -> assert(cache[GX(g, x)] >= low) } break
	:: d_step { MAY_HAND_OUT(g, x, floor_then) -> assert(fill[GX(g, x)] >= low) } break
	od
}

/* An earlier reader, which got the answer of its own read. What it saw counts as known to clients. */
proctype gossip()
{
	byte g;

end:	do
	:: d_step { fill[GX(0, 1)] != NOTHING && SAW(0) -> tell(0) }
	:: d_step { fill[GX(1, 1)] != NOTHING && SAW(1) -> tell(1) }
	od
}

#ifdef PAST
/* A reader at a gateway that cannot reach the home of the first drive, as that has crashed. Its read goes past the
   home. What it saw counts as known to clients. */
#define HOME_IS_GONE(g) \
	(IS_MEMBER(g) && view[g] == epoch && FIRST(members, 0) != g && \
		(!IN(up, FIRST(members, 0)) || IN(fresh, FIRST(members, 0))))
#ifdef PAST_UNCHECKED
#define IS_LAST(g, then) true
#elif defined(PAST_AFTER_SAID)
#define IS_LAST(g, then) (IN(lease, g) && view[g] == then)
#else
#define IS_LAST(g, then) (IN(lease, g) && view[g] == then && stopped[g] != then + 1)
#endif
proctype past()
{
	byte g, then;
	bool saw;

end:	do
	:: d_step { !then && HOME_IS_GONE(1) -> g = 1; then = view[1] }
#if RUN == 7
	:: d_step { !then && HOME_IS_GONE(2) -> g = 2; then = view[2] }
#endif
	:: d_step { then && !saw && made[0] -> saw = true }
	:: d_step { saw && IS_MEMBER(g) && IS_LAST(g, then) -> acked[0] = MAX(acked[0], made[0]) } break
	od
}
#endif

init
{
	d_step {
		clear(0, 0); clear(0, 1); clear(1, 0); clear(1, 1); clear(2, 0); clear(2, 1);
		journal[0] = NOTHING; journal[1] = NOTHING; journal[2] = NOTHING;
		journal[3] = NOTHING; journal[4] = NOTHING; journal[5] = NOTHING;
		view[0] = 1; view[1] = 1; view[2] = 1
	}
	atomic {
		run ring();
		run gateway(0);
		run gateway(1);
#if RUN == 7
		run gateway(2);
#endif
		run docs(0);
#if DOCS > 1
		run docs(1);
#endif
#if FORMS > 1
		run gossip();
#endif
#ifdef PAST
		run past();
#endif
		run reader();
	}
}
