/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Store buffers of x86 (TSO), for the models beside this file.
 *
 * STORE() puts a value into the buffer of the process that runs; a process of its own takes
 * it out at some later time, in order. A LOAD is a read of mem[]: it may overtake the stores of
 * the process that are still in its buffer. No process of these models loads what it has stored
 * itself, so nothing is forwarded. FENCE waits for the buffer to be empty, as a locked
 * instruction does.
 *
 * A model defines CPUS and WORDS before it includes this file; each process that stores has a
 * local variable "me", which is less than CPUS.
 */
byte mem[WORDS];
chan buf[CPUS] = [BUFFERED] of { byte, byte };

#define STORE(word, value)	buf[me]!word, value
#define FENCE			empty(buf[me])

proctype store_buffer(byte me)
{
	byte word, value;

end:	do
	:: atomic { buf[me]?word, value -> mem[word] = value; word = 0; value = 0 }
	od
}
