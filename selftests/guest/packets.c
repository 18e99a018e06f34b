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
	int fd, i, seconds;
	time_t end;

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
	for (end = time(NULL) + seconds; time(NULL) < end; ) {
		/* An error is what the peer has answered, or a queue that is full. */
		for (i = 0; i < BATCH; i++)
			sent += sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&to,
				       sizeof(to)) > 0;
	}
	printf("packets: sent %lu\n", sent);
	return 0;
}
