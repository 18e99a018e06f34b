// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx fuzzers: run inputs that are in files, without libFuzzer.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Arguments: files, each an input. Prints how many.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void replay(const char *name)
{
	FILE *file = fopen(name, "rb");
	uint8_t *data;
	long size = -1;

	if (file && !fseek(file, 0, SEEK_END))
		size = ftell(file);
	data = size < 0 ? NULL : malloc(size + 1);
	if (!data || fseek(file, 0, SEEK_SET) ||
	    fread(data, 1, size, file) != (size_t)size) {
		perror(name);
		exit(2);
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return 2;
	}
	LLVMFuzzerInitialize(&argc, &argv);
	for (i = 1; i < argc; i++) {
		/* The last line names the input that ended it. */
		printf("# %s\n", argv[i]);
		fflush(stdout);
		replay(argv[i]);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
