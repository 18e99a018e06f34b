// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends as many small UDP packets as it can: packets ADDRESS SECONDS. The receiver counts them.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PORT	9	/* discard */
#define PAYLOAD	22	/* in a frame of 64 bytes, without its checksum */
#define BATCH	16

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	char payload[PAYLOAD] = "packets";
	unsigned long sent = 0;
	struct timespec now, begin;
	int fd, i, seconds;
	long ms;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: packets ADDRESS SECONDS\n");
		return 2;
	}
	seconds = atoi(argv[2]);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) {
		perror("packets");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		/* An error is what the peer has answered, or a queue that is full. */
		for (i = 0; i < BATCH; i++)
			sent += sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&to,
				       sizeof(to)) > 0;
		clock_gettime(CLOCK_MONOTONIC, &now);
		ms = (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000;
	} while (ms < seconds * 1000L);
	printf("packets: sent %lu in %ld ms\n", sent, ms);
	return 0;
}
