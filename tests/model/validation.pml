/*
 * How a gateway answers reads of a drive whose home is another one from what it has kept of that one's answers
 * (PROTOCOL.md, "Between gateways"; gateway/proxy/proxy_validate.c, validator.c).
 *
 * A document has versions. A change is acknowledged when the services have it and the home of that moment has dropped
 * what it had. There are two boots that are the home one after the other: the first ends its being one by its lease
 * (the ring's model shows that no change comes before it has), and goes on running, with what it had in memory. Each
 * numbers what it keeps from 1. A third gateway keeps copies, by boot and number, and asks the boot that it takes for
 * the home, which may be the wrong one by then. Readers come to it, and each waits until no call is under way. (That
 * one call may ask for several who came before it was sent makes no difference to any of them, and is left out.) What
 * must hold: what a reader is told is no older than what was acknowledged before he came.
 *
 * step                 where
 *   change             any change through the home: proxy_home.c note_answer, before it is passed on
 *   fill               proxy_fill.c keep; the stamp: shard.c put
 *   copy               proxy_validate.c proxy_validate_keep, of an answer that came by a hop
 *   come, send         validator.c validator_ask, send_next
 *   judge              proxy_validate.c proxy_judge_answers
 *   tell               proxy_validate.c on_heard
 *
 * Each safeguard can be taken away, and then something must fail:
 *   -DNO_STAMP      the home says that it has an answer, and not that it is the same one
 *   -DNO_BOOT       a copy of one boot's answer is asked about at another one
 *   -DNO_LEASE      who was the home answers as if it still was
 *   -DJOIN          who comes while a call is under way is told what that brings
 *   -DREMEMBER      what was good once is given again unasked
 */

#define BOOTS 2
#define VERSIONS 2 /* changes, for the bound */
#define FILLS 2	   /* of each boot, likewise */

byte version;	/* the services', acknowledged */
byte home;	/* which boot it is: 0 or 1 */
byte has[BOOTS];    /* what it keeps: version + 1; 0: nothing */
byte stamp[BOOTS];  /* the number of that */
byte stamps[BOOTS]; /* so many were given */

byte copy, copy_stamp, copy_boot; /* version + 1; 0: there is none */
bool good;			  /* it was found to be so, once */

/* Two readers, who come when they like. */
#define READERS 2
byte came[READERS]; /* 0: not yet; else the version of that moment + 1 */
bool asked[READERS], told[READERS];

bool under_way; /* a call */
byte call_stamp, call_boot, call_copy;

#ifdef NO_STAMP
#define SAME(b) (has[b] > 0)
#else
#define SAME(b) (has[b] > 0 && stamp[b] == call_stamp)
#endif
#ifdef NO_LEASE
#define SERVES(b) true
#else
#define SERVES(b) (home == b)
#endif
#ifdef NO_BOOT
#define OF_BOOT(b) true
#else
#define OF_BOOT(b) (copy_boot == b)
#endif

inline tell(r, value)
{
	assert(value >= came[r]); /* nothing older than what he could know of */
	told[r] = true
}

active proctype services()
{
	do
	:: version < VERSIONS -> atomic { version++; has[home] = 0 }
	:: home == 0 -> home = 1
	:: version == VERSIONS && home == 1 -> break
	od
}

/* Each boot fills while it is the home: the answer is that of now (the ring's model has the fence that sees to it). */
active proctype filler()
{
end:
	do
	:: atomic {
		has[home] == 0 && stamps[home] < FILLS ->
		stamps[home]++;
		stamp[home] = stamps[home];
		has[home] = version + 1
	}
	od
}

/* An answer of the home comes by a hop, of now, and may be late in being kept. */
active proctype copier()
{
	byte value, number, boot, times;

end:
	do
	:: times < 2 ->
endhop:		atomic { has[home] > 0 -> value = has[home]; number = stamp[home]; boot = home; times++ };
		atomic { copy = value; copy_stamp = number; copy_boot = boot; good = false }
	:: break
	od
}

active [READERS] proctype reader()
{
	byte me = _pid - 3, meant, mine, number;

	came[me] = version + 1;
	/* Whom it takes for the home. */
	if
	:: meant = 0
	:: meant = 1
	fi;
	atomic {
		if
		:: copy > 0 && OF_BOOT(meant) -> mine = copy; number = copy_stamp
		:: else -> goto over /* a request like all others, as is whatever comes of no verdict */
		fi
	};
#ifdef REMEMBER
	atomic {
		if
		:: good && mine == copy -> tell(me, mine); goto over
		:: else
		fi
	};
#endif
#ifdef JOIN
	atomic {
		if
		:: under_way && call_boot == meant && call_stamp == number && call_copy == mine ->
			asked[me] = true;
			goto over
		:: else
		fi
	};
#endif
end:	atomic {
		!under_way ->
		under_way = true;
		call_stamp = number;
		call_copy = mine;
		call_boot = meant;
		asked[me] = true
	};
over:	skip
}

/* The call comes to the boot that is meant; its verdict is heard later. Lost: nobody is told anything. */
active proctype call()
{
	bool same;
	byte r;

end:
	do
	:: under_way ->
		same = SERVES(call_boot) && SAME(call_boot);
		atomic {
			if
			:: same ->
				good = copy == call_copy && copy_stamp == call_stamp && copy_boot == call_boot;
				r = 0;
				do
				:: r < READERS ->
					if
					:: asked[r] && !told[r] -> tell(r, call_copy)
					:: else
					fi;
					r++
				:: r == READERS -> break
				od
			:: true
			fi;
			r = 0;
			do
			:: r < READERS -> asked[r] = false; r++
			:: r == READERS -> break
			od;
			under_way = false
		}
	od
}
