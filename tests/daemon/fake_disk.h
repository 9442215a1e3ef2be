/* SPDX-License-Identifier: MIT */
/*
 * A disk on which the Nth write fails.
 *
 * fake_disk.c takes the place of the C library's calls that change files, in a program that it is
 * linked with. It counts those that change something below a directory, and has one of them fail,
 * or all from that one on: a disk that is full or broken, for each of the calls in turn.
 *
 * The daemon's is steered by a file with this struct, which the variable FAKE_DISK names; a
 * worker's, which is given no variables, by the name of its job: "disk N ERRNO FOR_GOOD".
 */
#ifndef PBIT_TESTS_DAEMON_FAKE_DISK_H
#define PBIT_TESTS_DAEMON_FAKE_DISK_H

#define FAKE_DISK_NAME 32

struct fake_disk {
	char below[128];   /* calls on files below this directory count */
	char but_not[128]; /* and not this file: the log of the test */
	int pid;	   /* calls of this process alone: the one that found the file first */
	char only[FAKE_DISK_NAME];  /* of this kind alone; or "" */
	int fail_at;		    /* the first that fails; 0: none */
	int error;		    /* errno */
	int for_good;		    /* all that follow fail as well */
	int count;		    /* calls so far */
	int failed;		    /* calls that failed */
	char which[FAKE_DISK_NAME]; /* the first that failed */
};

#endif
