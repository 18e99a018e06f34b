/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window of Documentation/design/window.rst: drains with readers and holds in user space.
 *
 * A process has a thread that reads by a slot, and one that ends asynchronous requests, which
 * have holds. The kernel has a table entry (PTE), a cache entry (TLB), the words of a device and
 * of two domains, and fills the cache when the thread asks it to. A drainer unmaps and drains,
 * then moves the device into another domain, drains, and gives the first domain's word to a
 * stranger.
 *
 * The process opens its view at any time, also while a wait runs: the wait looks at the count of
 * views first, and passes all by if there is none; behind the phase it looks at the list.
 * Another process may have a view, too.
 *
 * The contents of a word is the number of a mapping. Mapping 1 is taken away first; mapping 2
 * stands for all that the domain has when the device leaves; mapping 3 is the stranger's, which
 * the device may never use. When a drain has returned 0, no access uses what was taken away
 * before, unless the view was cut off. A deadlock is a drain that never ends.
 *
 * Kernel readers and the flip of epochs are in epoch.pml: here the drain waits for a count. The
 * drain polls, which a wait for a condition stands for. It looks at the view first, and waits
 * there for what is of an older phase than its own.
 *
 * Each macro takes one rule away:
 *
 *   ENTER_PLAIN      entering a slot is a store without a barrier
 *   ENTER_LATE       the slot is entered behind the lookup
 *   NO_TICKET_BARRIER no barrier between the change and the look at the count of views
 *   NO_DRAIN_BARRIER no barrier between phase and slots; the one before it implies this one
 *   OPEN_PLAIN       no barrier between the count of views and the first section, in whose
 *                    place the slot's will do
 *   OPEN_LATE        a view is counted when its first section is over
 *   NO_SLOTS         the drain does not look at the slots
 *   NO_HOLDS         the drain does not look at the holds
 *   HOLDS_FIRST      the drain looks at the holds, then at the slots
 *   PHASE_LATE       the phase of a section is read behind the lookup
 *   PHASE_FIRST      the phase is counted up before the change
 *   HOLD_PHASE_LATE  a hold has the phase at which it was taken
 *   HOLD_LATE        the hold is taken behind the exit from the slot
 *   HOLD_PART        the hold names the page that is used, not all of the page that is mapped
 *   HOLD_REUSED      a hold is taken again before another thread sees that it was released
 *   HOLD_BY_TAG      holds and drains name the tag of the cache, not the domain
 *   FILL_BEFORE      the answer of a fill is used in a section that began behind it
 *   FILL_UNCHECKED   a fill does not look whether the space was invalidated
 *   NO_POST_BARRIER  no barrier between the count of the invalidation and the look at the cache
 *   REUSE_EARLY      the word of a domain is given away before the drain
 *   RELEASE_AT_KILL  the slots of a process are released when it is killed
 *   HOLDS_AT_UNMAP   holds are released with the slots, when the process has left its memory
 *   KILL_IS_OK       a drain whose caller was killed returns 0
 *   TIMEOUT_IS_OK    a drain that gives up returns 0, and leaves the view as it is
 *   NO_TIMEOUT       drains wait for ever
 *
 * and two put something in: HOSTILE a second process, which writes anything to its slot and its
 * hold and never leaves; FLUSH an invalidation of the range by a new tag. With either of them
 * nobody is killed but the drainer.
 */
#define CPUS		3
#define BUFFERED	2
/* The CPU of each */
#define THREAD		0
#define IO		1
#define DRAINER		2
/* Of the thread, one after the other */
#ifdef HOSTILE
#define SECTIONS	1
#else
#define SECTIONS	2
#endif

#define PTE		0	/* the table: a mapping, or 0 */
#define INVS		1	/* &iotlb_space.invs */
#define DEVICE		2	/* the device's word: 1 + its domain, or 0 */
#define DOMAIN		3	/* two domains' words: the tag */
#define SLOT		5	/* odd inside; of the process, of the enemy */
#define HOLD		7	/* odd held; likewise */
#define HOLD_DOM	9	/* 1 + domain, or the tag */
#define HOLD_PAGE	11	/* 0: all of the large page; or the page, 1 or 2 */
#define PHASE		13	/* of the head */
#define SLOT_PHASE	14	/* that of the section; of the process, of the enemy */
#define HOLD_PHASE	16	/* likewise of the hold */
#define VIEWS		18	/* how many there are, and the list; not of the enemy */
#define WORDS		19

#include "tso.h"

/* The cache: written by locked owners only, so not in a buffer. One entry for each tag. */
byte tlb[5];
byte inside;		/* kernel readers that may use something */
byte using;		/* the mapping that the thread uses, or 0 */
byte request;		/* that a request under way uses, or 0 */
byte hold_seq;		/* libnyx has it beside the hold */
byte gone;		/* mappings up to this one are taken away */
bool quit;		/* the process was killed: its threads stop at some time */
byte running = 2;	/* its threads */
bool view_gone, cut;	/* the view: the process has left it; it was cut off */
bool file_gone;		/* nobody has its file: no request of the process is left */
bool enemy_cut;
bool may_be_killed;	/* the drainer: a wait ends at any time */

#define STOP_IF_KILLED	if :: quit -> goto stopped :: true fi

#if defined(ENTER_PLAIN)
#define ENTER(seq)	STORE(SLOT, seq)
#else
#define ENTER(seq)	STORE(SLOT, seq); FENCE
#endif

/* Use of what was taken away, or of what never was the device's */
#define FINE(mapping)	(!(mapping) || cut || ((mapping) > gone && (mapping) != 3))

#if defined(HOLD_BY_TAG)
#define HOLD_KEY	tag
#else
#define HOLD_KEY	dom
#endif
#if defined(HOLD_PART)
#define HELD_PAGE	2
#else
#define HELD_PAGE	0
#endif

/* It is put into the list of free holds behind the store that releases it. */
#if defined(HOLD_REUSED)
#define HOLD_IS_FREE	(hold_seq % 2 == 0)
#else
#define HOLD_IS_FREE	(hold_seq % 2 == 0 && mem[HOLD] == hold_seq)
#endif

inline take_hold()
{
	STORE(HOLD_DOM, HOLD_KEY);
	STORE(HOLD_PAGE, HELD_PAGE);
#ifdef HOLD_PHASE_LATE
	STORE(HOLD_PHASE, mem[PHASE]);
#else
	STORE(HOLD_PHASE, phase);
#endif
	atomic { hold_seq++; STORE(HOLD, hold_seq) }
}

/* The kernel's NYX_VIEW_FILL: a walk inside the epoch, a fill, the answer. */
inline fill()
{
	/* Locked, and a barrier: epoch.pml has the rest. */
	atomic { FENCE -> inside++ };
	dom = mem[DEVICE];
	answer = 0;
	if
	:: dom == 1 ->
		atomic { invs = mem[INVS]; tag = mem[DOMAIN] };
		answer = mem[PTE];
		/* The owner of the entry looks again; cmpxchg() is a barrier. */
		atomic {
			FENCE;
#ifndef FILL_UNCHECKED
			if
			:: answer && invs == mem[INVS] && tag == mem[DOMAIN] ->
				tlb[tag] = answer
			:: else
			fi
#else
			if
			:: answer -> tlb[tag] = answer
			:: else
			fi
#endif
		}
	:: dom == 2 ->
		/* The domain that the device has moved to maps nothing. */
		skip
	:: else
	fi;
	atomic { inside--; invs = 0 }
}

/* NYX_VIEW_OPEN: into the list, counted. */
inline open_view()
{
	STORE(VIEWS, 1);
#ifndef OPEN_PLAIN
	FENCE
#endif
}

inline lookup()
{
	dom = mem[DEVICE];
	if
	:: dom -> tag = mem[DOMAIN + dom - 1]; hit = tlb[tag]
	:: else -> hit = 0
	fi
}

proctype thread(byte me)
{
	byte times = SECTIONS, seq, phase, dom, tag, hit, answer, invs;

#ifndef OPEN_LATE
	open_view();
#endif
	do
	:: times ->
		times--;
		STOP_IF_KILLED;
#ifdef ENTER_LATE
		lookup();
		if
		:: hit
		:: else -> fill(); hit = answer
		fi;
		seq++;
		ENTER(seq);
#else
#ifdef FILL_BEFORE
		fill();
#endif
#ifndef PHASE_LATE
		phase = mem[PHASE];
		STORE(SLOT_PHASE, phase);
#endif
		seq++;
		ENTER(seq);
		if
		:: cut -> hit = 0
		:: else ->
			lookup();
#ifdef FILL_BEFORE
			hit = (hit -> hit : answer)
#else
			if
			:: hit
			:: else -> fill(); hit = answer
			fi
#endif
#ifdef PHASE_LATE
			;
			phase = mem[PHASE];
			STORE(SLOT_PHASE, phase)
#endif
		fi;
#endif
		STOP_IF_KILLED;
		if
		:: hit ->
			if
			:: /* The access. */
				atomic { using = hit; assert(FINE(using)) };
				STOP_IF_KILLED;
				using = 0
			:: !request && HOLD_IS_FREE ->
				/* A request, whose hold is taken inside. */
#ifndef HOLD_LATE
				take_hold();
#endif
				atomic { request = hit; assert(FINE(request)) };
#ifdef HOLD_LATE
				seq++;
				STORE(SLOT, seq);
				take_hold();
#endif
			fi
		:: else
		fi;
		if
		:: seq % 2 -> seq++; STORE(SLOT, seq)
		:: else
		fi;
		d_step { hit = 0; dom = 0; tag = 0; answer = 0; phase = 0 };
#ifdef OPEN_LATE
		open_view()
#endif
	:: else -> break
	od;
stopped:
	atomic { using = 0; running-- }
}

/* Ends requests, when a disk has done them; when the process has died, nobody does. */
proctype io(byte me)
{
end:	do
	/* It comes by memory, too: behind the hold in the buffer of the thread. */
	:: request && mem[HOLD] % 2 ->
		STOP_IF_KILLED;
		atomic { request = 0; hold_seq++; STORE(HOLD, hold_seq) }
	:: quit -> break
	od;
stopped:
	running--
}

#ifdef HOSTILE
/* Its words hold anything from the start; it may enter again at any time, and never leaves. */
proctype enemy()
{
	mem[SLOT + 1] = 5
}

inline corrupt()
{
	if :: mem[SLOT + 1] = 1 :: mem[SLOT + 1] = 2 fi;
	if :: mem[HOLD + 1] = 1 :: true fi;
	if :: mem[HOLD_DOM + 1] = 1 :: mem[HOLD_DOM + 1] = 77 fi;
	if :: mem[SLOT_PHASE + 1] = 7; mem[HOLD_PHASE + 1] = 7 :: true fi
}
#endif

proctype killer()
{
	if
	:: quit = true;
#ifdef RELEASE_AT_KILL
		view_gone = true;
#endif
		/* exit_mmap(): no thread is left, and none has stores under way. */
		atomic {
			!running && empty(buf[THREAD]) && empty(buf[IO]) ->
			view_gone = true
		}
		/* The ring keeps the file until its last request is done. */
		atomic { request = 0; file_gone = true }
	:: true
	fi
}

/* Wait for a word to change, if that word is in use, since before the drain. */
inline wait_word(word, phase, out, is_cut)
{
	seen = mem[word];
	if
	:: seen % 2 && !(out) && mem[phase] < my_phase ->
		if
		:: mem[word] != seen || (out)
		:: may_be_killed -> ret = 1
#ifndef NO_TIMEOUT
		:: true ->
#ifndef TIMEOUT_IS_OK
			ret = 2; is_cut = true
#endif
#endif
		fi
	:: else
	fi
}

inline wait_hold(i, key, page, out, is_cut)
{
	seen = mem[HOLD + i];
	held = mem[HOLD_DOM + i];
	held_page = mem[HOLD_PAGE + i];
	if
	:: mem[HOLD + i] == seen && held == key &&
	   (!held_page || !(page) || held_page == page) ->
		wait_word(HOLD + i, HOLD_PHASE + i, out, is_cut)
	:: else
	fi;
	d_step { held = 0; held_page = 0; seen = 0 }
}

#define OUT		(view_gone || cut)
#ifdef HOLDS_AT_UNMAP
#define OUT_HOLD	OUT
#else
#define OUT_HOLD	(file_gone || cut)
#endif

inline wait_slots()
{
	skip;
#ifndef NO_SLOTS
	wait_word(SLOT, SLOT_PHASE, OUT, cut);
#endif
#ifdef HOSTILE
	if
	:: !ret -> wait_word(SLOT + 1, SLOT_PHASE + 1, enemy_cut, enemy_cut)
	:: else
	fi
#endif
}

inline wait_holds(key, page)
{
	skip;
#ifndef NO_HOLDS
	if
	:: !ret -> wait_hold(0, key, page, OUT_HOLD, cut)
	:: else
	fi;
#ifdef HOSTILE
	if
	:: !ret -> wait_hold(1, key, page, enemy_cut, enemy_cut)
	:: else
	fi
#endif
#endif
}

inline next_phase()
{
	my_phase++;
	STORE(PHASE, my_phase)
}

inline wait_view(key, page)
{
#ifdef HOLDS_FIRST
	wait_holds(key, page);
	if
	:: !ret -> wait_slots()
	:: else
	fi
#else
	wait_slots();
	wait_holds(key, page)
#endif
}

#ifdef HOSTILE
#define IN_LIST		true
#else
#define IN_LIST		mem[VIEWS]
#endif

inline drain(key, page)
{
	ret = 0;
#ifndef NO_TICKET_BARRIER
	FENCE;
#endif
	if
	:: !mem[VIEWS]
	/* Of this process, or of another one. */
	:: true ->
#ifndef PHASE_FIRST
		next_phase();
#endif
#ifndef NO_DRAIN_BARRIER
		FENCE;
#endif
		if
		:: IN_LIST -> wait_view(key, page)
		:: else
		fi
	fi;
	if
	:: ret != 1 ->
		if
		:: inside == 0
		:: may_be_killed -> ret = 1
		fi
	:: else
	fi;
#ifdef KILL_IS_OK
	if
	:: ret == 1 -> ret = 0
	:: else
	fi
#endif
}

inline drained(mapping)
{
	if
	:: !ret ->
		d_step {
			gone = mapping;
			assert(FINE(using));
			assert(FINE(request))
		}
	:: else
	fi
}

#if defined(HOLD_BY_TAG)
#define DRAIN_KEY	tag
#else
#define DRAIN_KEY	1
#endif

proctype drainer(byte me)
{
	byte ret, seen, held, held_page, my_phase, tag = 1;

	/* Other memory is mapped; the first page of the large one is named. */
#ifdef PHASE_FIRST
	next_phase();
#endif
	STORE(PTE, 2);
	STORE(INVS, 1);
#ifdef FLUSH
	tag = 2;
	STORE(DOMAIN, tag);
	FENCE;
#else
#ifndef NO_POST_BARRIER
	FENCE;
#endif
	tlb[tag] = 0;
#endif
	drain(DRAIN_KEY, 1);
	drained(1);

	/* The device moves. A drain that was cut short before is owed: all is waited for. */
#ifdef PHASE_FIRST
	next_phase();
#endif
	STORE(DEVICE, 2);
#ifdef REUSE_EARLY
	STORE(DOMAIN, 3);
#endif
	drain(DRAIN_KEY, 0);
	drained(2);
	if
	:: !ret -> STORE(DOMAIN, 3)
	:: else
	fi
}

init
{
	atomic {
		mem[PTE] = 1;
		mem[DEVICE] = 1;
		mem[DOMAIN] = 1;
		mem[DOMAIN + 1] = 4;
		/* The cache is empty, but for the stranger's entry. */
		tlb[3] = 3;
		if
		:: may_be_killed = true
		:: true
		fi;
		run store_buffer(THREAD);
		run store_buffer(IO);
		run store_buffer(DRAINER);
		run thread(THREAD);
		run io(IO);
		run drainer(DRAINER);
#if !defined(HOSTILE) && !defined(FLUSH)
		run killer()
#endif
#ifdef HOSTILE
		corrupt();
		run enemy()
#endif
	}
}
