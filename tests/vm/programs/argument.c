// SPDX-License-Identifier: MIT
/*
 * Arguments as memory: callers that are older or newer than the kernel, addresses that are none
 * or end too early, results that cannot be written, commands that there are not. Each is refused
 * with the error that linux/pbit.h says and leaves nothing behind; what is right is taken.
 */
#include <linux/pbit.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "call.h"

/* Structures of other sizes: too short, and longer with and without what is not known. */
static void sizes(struct caller *t, unsigned int nr)
{
	static const size_t longer[] = { 1, 2, 7, 8, 9, 64, 4096 };
	const struct call *c = &calls[nr];
	const union args a = call_good(t, nr);

	doing = "sizes";
	for (size_t size = 0; size < c->size; size++) {
		memcpy(t->end - c->size, &a, c->size);
		call_refused(t, EINVAL, call_sized(c, size), t->end - c->size, "%s: %zu bytes",
			     c->name, size);
	}
	for (size_t k = 0; k < sizeof(longer) / sizeof(longer[0]); k++) {
		uint8_t *at = t->end - c->size - longer[k];

		call_taken(t, nr, longer[k]);
		for (size_t byte = 0; byte < longer[k]; byte += 1 + longer[k] / 9) {
			memcpy(at, &a, c->size);
			memset(at + c->size, 0, longer[k]);
			at[c->size + byte] = 0x80;
			call_refused(t, E2BIG, call_sized(c, c->size + longer[k]), at,
				     "%s: byte %zu beyond", c->name, byte);
		}
	}
}

/* Addresses that are none, or end too early; and results that cannot be written. */
static void addresses(struct caller *t, unsigned int nr)
{
	const struct call *c = &calls[nr];
	const uintptr_t wrong[] = {
		0, 8, (uintptr_t)t->end, 0xffff888000000000, ~0ull, ~0ull << 63
	};
	uint8_t *read_only = t->read_only - c->size;
	union args a = call_good(t, nr);

	doing = "addresses";
	for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
		call_refused(t, EFAULT, c->cmd, (void *)wrong[k], "%s: address %#lx", c->name,
			     wrong[k]);
	memset(t->end - CALL_ROOM, 0, CALL_ROOM);
	for (size_t size = 1; size < c->size; size++)
		call_refused(t, EFAULT, c->cmd, t->end - size, "%s: %zu bytes mapped", c->name,
			     size);
	call_refused(t, EFAULT, call_sized(c, c->size + 8), t->end - c->size, "%s: no tail",
		     c->name);
	if (!c->out[0].size)
		return;
	memcpy(read_only, &a, c->size);
	CHECK(mprotect(t->read_only - CALL_ROOM, CALL_ROOM, PROT_READ) == 0);
	call_refused(t, EFAULT, c->cmd, read_only, "%s: read only", c->name);
	CHECK(mprotect(t->read_only - CALL_ROOM, CALL_ROOM, PROT_READ | PROT_WRITE) == 0);
}

/* No such command: other numbers, letters and directions. */
static void commands(struct caller *t)
{
	union args a = { 0 };

	doing = "commands";
	for (unsigned int nr = call_count; nr < 256; nr++)
		call_refused(t, ENOTTY, _IOC(_IOC_READ | _IOC_WRITE, PBIT_IOC_MAGIC, nr, 16), &a,
			     "number %u", nr);
	for (unsigned int nr = 0; nr < call_count; nr++) {
		const unsigned int size = calls[nr].size;

		call_refused(t, ENOTTY, _IOC(_IOC_READ, PBIT_IOC_MAGIC, nr, size), &a, "_IOR %u",
			     nr);
		call_refused(t, ENOTTY, _IOC(_IOC_WRITE, PBIT_IOC_MAGIC, nr, size), &a, "_IOW %u",
			     nr);
		call_refused(t, ENOTTY, _IOC(_IOC_NONE, PBIT_IOC_MAGIC, nr, size), &a, "_IO %u",
			     nr);
		call_refused(t, ENOTTY, _IOC(_IOC_READ | _IOC_WRITE, PBIT_IOC_MAGIC + 1, nr, size),
			     &a, "letter of another %u", nr);
	}
}

/* The way into the kernel of programs of 32 bits; a result below 0 is a negative errno. */
static int call_32(int number, int a, unsigned int b, uint32_t c)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"((long)number), "b"((long)a), "c"((long)b), "d"((long)c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

enum { GETPID_32 = 20, IOCTL_32 = 54 };

static void give_up(int number)
{
	_exit(number);
}

/* Without it, the kernel ends who tries; and complains, unless the signal is awaited. */
static bool have_32_bits(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGSEGV, give_up);
		_exit(call_32(GETPID_32, 0, 0, 0) != getpid());
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Callers of 32 bits have the same numbers, structures and errors. */
static void narrow_callers(struct caller *t)
{
	struct utsname name;
	uint8_t *low;

	doing = "callers of 32 bits";
	if (!have_32_bits()) {
		CHECK(uname(&name) == 0 && !strstr(name.version, "Debian"));
		printf("this kernel takes no calls of 32 bits\n");
		return;
	}
	low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		   0);
	CHECK(low != MAP_FAILED && (uintptr_t)low < 1ul << 32);
	for (unsigned int nr = 0; nr < call_count; nr++) {
		const struct call *c = &calls[nr];
		union args a = call_good(t, nr);
		const uint32_t at = (uint32_t)(uintptr_t)low;

		CHECK(call_32(IOCTL_32, t->fd, c->cmd, 8) == -EFAULT);
		CHECK(call_32(IOCTL_32, t->fd, call_sized(c, c->size - 1), at) == -EINVAL);
		memset(low, 0xff, 4096);
		CHECK(call_32(IOCTL_32, t->fd, call_sized(c, c->size + 8), at) == -E2BIG);
		call_poison(c, &a);
		memcpy(low, &a, c->size);
		CHECK(call_32(IOCTL_32, t->fd, c->cmd, at) == 0);
		memcpy(&a, low, c->size);
		call_undo(t, nr, &a);
		t->taken++;
	}
	munmap(low, 4096);
}

int main(void)
{
	struct device d = call_device();
	struct caller t = caller_new(&d);
	const uint64_t bytes = fdinfo(t.fd, "bytes");

	for (unsigned int nr = 0; nr < call_count; nr++) {
		sizes(&t, nr);
		addresses(&t, nr);
	}
	commands(&t);
	narrow_callers(&t);
	doing = "the end";
	/* All this while not one event came of what was refused. */
	FAILS(read(t.fd, t.end - 64, 64), EAGAIN);
	CHECK(fdinfo(t.fd, "bytes") == bytes);
	printf("%u calls refused, each with its error and without a trace; %u taken\n", t.refused,
	       t.taken);
	caller_free(&t);
	device_unmake(&d);
	return 0;
}
