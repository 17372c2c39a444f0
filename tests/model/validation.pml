/*
 * How a gateway that is not the home of a drive answers reads of it from its copies of the home's answers (PROTOCOL.md,
 * "Between gateways"; gateway/proxy/proxy_validate.c, validator.c). The home of a drive is the gateway that alone
 * answers reads of it from memory.
 *
 * A document has versions. A change is acknowledged when the services have it and the home of that moment has dropped
 * its cached answer. Two boots (starts of a gateway's process) are the home, one after the other. The first one stops
 * being the home when its lease ends (the ring's model shows that no change comes before that), and runs on, with its
 * memory intact. Each boot numbers the answers that it caches from 1. A third gateway has copies, identified by boot
 * and number. It asks the boot that it takes for the home, which may be the wrong one by then. Readers come to this
 * gateway, and each waits until no call is in flight. (In the code one call may ask for several readers who came before
 * it was sent. This makes no difference to any of them, and is left out.) What must hold: a reader never gets an answer
 * that is older than the newest change that was acknowledged before the reader came.
 *
 * step                 where
 *   change             any change through the home: proxy_home.c note_answer, before it is passed on
 *   fill               proxy_fill.c keep; the stamp: shard.c put
 *   copy               proxy_validate.c proxy_validate_keep, of an answer that came by a hop (through the home)
 *   come, send         validator.c validator_ask, send_next
 *   judge              proxy_validate.c proxy_judge_answers
 *   tell               proxy_validate.c on_heard
 *
 * Each safeguard can be removed, and then an assertion must fail:
 *   -DNO_STAMP      the home confirms that it has an answer, but not that it is the same answer
 *   -DNO_BOOT       a gateway asks one boot about a copy of another boot's answer
 *   -DNO_LEASE      the former home answers as if it were still the home
 *   -DJOIN          a reader who comes while a call is in flight gets the result of that call
 *   -DREMEMBER      a copy that was confirmed once is given again without a question
 */

#define BOOTS 2
#define VERSIONS 2 /* the number of changes, to limit the search */
#define FILLS 2	   /* the number of fills of each boot, also to limit the search */

byte version;	/* of the services, acknowledged */
byte home;	/* which boot is the home: 0 or 1 */
byte has[BOOTS];    /* the answer in its cache: version + 1; 0: none */
byte stamp[BOOTS];  /* the number of that answer */
byte stamps[BOOTS]; /* how many numbers the boot has given */

byte copy, copy_stamp, copy_boot; /* version + 1; 0: there is no copy */
bool good;			  /* the home has confirmed the copy once */

/* Two readers, who come at any time. */
#define READERS 2
byte came[READERS]; /* 0: not yet; else 1 + the version when the reader came */
bool asked[READERS], told[READERS];

bool under_way; /* a call is in flight */
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
	assert(value >= came[r]); /* no older than the last change acknowledged before the reader came */
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

/* Each boot fills its cache with the current version while it is the home (the ring's model has the fence for it). */
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

/* A current answer of the home comes by a hop; it may be stored as a copy later. */
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
	/* The boot that the gateway takes for the home. */
	if
	:: meant = 0
	:: meant = 1
	fi;
	atomic {
		if
		:: copy > 0 && OF_BOOT(meant) -> mine = copy; number = copy_stamp
		:: else -> goto over /* the request is sent on as usual, as it is after a call without a verdict */
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

/* The call reaches the boot that is asked; its verdict arrives later. If the call is lost, no reader gets an answer. */
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
