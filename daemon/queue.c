// SPDX-License-Identifier: MIT
/* First in, first out, over devices with slots. A few thousand jobs: plain scans do. */
#include "queue.h"

#include <inttypes.h>
#include <string.h>

struct device {
	char *name;
	enum queue_kind kind;
	unsigned int slots;
	unsigned int busy; /* entries with this device */
};

struct entry {
	uint64_t id;
	uid_t uid;
	char *user;
	int64_t submitted;
	char *wanted; /* the device it names, or NULL */
	int device;   /* index of the device it runs on; -1: it waits */
	int *avoided; /* indices of devices that it does not fit */
	size_t n_avoided;
	uint64_t held_until;
	char *held_why;
};

struct queue {
	struct device *devices;
	size_t n_devices;
	/* Waiting and running, by id. Who goes first is queue_order()'s to say, not the index's. */
	struct entry *entries;
	size_t n, allocated;
	size_t running;
	uint64_t generation;
};

/*
 * The policy: does a go before b? A strict total order over waiting jobs. Ids grow with time, so
 * that a job which was stopped gets its place back.
 */
static bool queue_order(const struct entry *a, const struct entry *b)
{
	return a->id < b->id;
}

int queue_new(struct queue **ret)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	*ret = q;
	return 0;
}

static void entry_clear(struct entry *x)
{
	free(x->user);
	free(x->wanted);
	free(x->avoided);
	free(x->held_why);
}

struct queue *queue_free(struct queue *q)
{
	if (!q)
		return NULL;
	for (size_t i = 0; i < q->n; i++)
		entry_clear(&q->entries[i]);
	for (size_t i = 0; i < q->n_devices; i++)
		free(q->devices[i].name);
	free(q->entries);
	free(q->devices);
	free(q);
	return NULL;
}

static int find_device(const struct queue *q, const char *name)
{
	for (size_t i = 0; i < q->n_devices; i++)
		if (!strcmp(q->devices[i].name, name))
			return (int)i;
	return -1;
}

static void forget_avoided(struct queue *q, int device)
{
	for (struct entry *x = q->entries; x < q->entries + q->n; x++)
		for (size_t k = x->n_avoided; k-- > 0;)
			if (x->avoided[k] == device)
				x->avoided[k] = x->avoided[--x->n_avoided];
}

int queue_set_device(struct queue *q, const char *name, enum queue_kind kind, unsigned int slots)
{
	int i = find_device(q, name);
	_cleanup_free_ char *copy = NULL;
	struct device *grown;

	q->generation++;
	if (i >= 0) {
		if (q->devices[i].slots == 0)
			forget_avoided(q, i);
		q->devices[i].slots = slots;
		q->devices[i].kind = kind;
		return 0;
	}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	grown = reallocarray(q->devices, q->n_devices + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	q->devices = grown;
	q->devices[q->n_devices++] =
		(struct device){ .name = TAKE_PTR(copy), .kind = kind, .slots = slots };
	return 0;
}

/* The index of the job, or where it would go. */
static size_t index_of(const struct queue *q, uint64_t id)
{
	size_t low = 0, high = q->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (q->entries[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *find(const struct queue *q, uint64_t id)
{
	size_t i = index_of(q, id);

	return i < q->n && q->entries[i].id == id ? &q->entries[i] : NULL;
}

int queue_add(struct queue *q, uint64_t id, uid_t uid, const char *user, const char *device,
	      int64_t submitted)
{
	struct entry new = { .id = id, .uid = uid, .submitted = submitted, .device = -1 };
	size_t i = index_of(q, id);

	if (find(q, id))
		return -EEXIST;
	if (q->n == q->allocated) {
		size_t wanted = q->allocated ? 2 * q->allocated : 16;
		struct entry *grown = reallocarray(q->entries, wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		q->entries = grown;
		q->allocated = wanted;
	}
	new.user = strdup(user);
	new.wanted = device ? strdup(device) : NULL;
	if (!new.user || (device && !new.wanted)) {
		entry_clear(&new);
		return -ENOMEM;
	}
	memmove(&q->entries[i + 1], &q->entries[i], (q->n - i) * sizeof(new));
	q->entries[i] = new;
	q->n++;
	q->generation++;
	return 0;
}

static void leave_device(struct queue *q, struct entry *x)
{
	if (x->device < 0)
		return;
	q->devices[x->device].busy--;
	q->running--;
	q->generation++;
	x->device = -1;
}

int queue_remove(struct queue *q, uint64_t id)
{
	struct entry *x = find(q, id);
	size_t i;

	if (!x)
		return -ENOENT;
	leave_device(q, x);
	entry_clear(x);
	i = (size_t)(x - q->entries);
	memmove(x, x + 1, (q->n - i - 1) * sizeof(*x));
	q->n--;
	q->generation++;
	return 0;
}

static bool is_held(const struct entry *x, uint64_t now)
{
	return x->held_until > now;
}

static bool is_free(const struct device *d)
{
	return d->busy < d->slots;
}

/* May the job run on the device, when that is in service and free? */
static bool suits(const struct queue *q, const struct entry *x, size_t device)
{
	if (x->wanted)
		return !strcmp(x->wanted, q->devices[device].name);
	for (size_t k = 0; k < x->n_avoided; k++)
		if ((size_t)x->avoided[k] == device)
			return false;
	return q->devices[device].kind != QUEUE_BY_NAME;
}

/* The best free device for the job, or NULL. */
static const struct device *choose(const struct queue *q, const struct entry *x)
{
	const struct device *best = NULL;

	for (size_t i = 0; i < q->n_devices; i++) {
		const struct device *d = &q->devices[i];

		if (is_free(d) && suits(q, x, i) && (!best || d->kind < best->kind))
			best = d;
	}
	return best;
}

static bool any_is_free(const struct queue *q)
{
	for (size_t i = 0; i < q->n_devices; i++)
		if (is_free(&q->devices[i]))
			return true;
	return false;
}

bool queue_next(const struct queue *q, uint64_t now, uint64_t *ret_id, const char **ret_device)
{
	const struct entry *first = NULL;

	if (!any_is_free(q))
		return false;
	for (const struct entry *x = q->entries; x < q->entries + q->n; x++)
		if (x->device < 0 && !is_held(x, now) && (!first || queue_order(x, first)) &&
		    choose(q, x))
			first = x;
	if (!first)
		return false;
	*ret_id = first->id;
	*ret_device = choose(q, first)->name;
	return true;
}

int queue_started(struct queue *q, uint64_t id, const char *device)
{
	struct entry *x = find(q, id);
	int d = find_device(q, device);

	if (!x || x->device >= 0 || d < 0)
		return -ENOENT;
	x->device = d;
	x->held_until = 0;
	q->devices[d].busy++;
	q->running++;
	q->generation++;
	return 0;
}

int queue_stopped(struct queue *q, uint64_t id)
{
	struct entry *x = find(q, id);

	if (!x || x->device < 0)
		return -ENOENT;
	leave_device(q, x);
	return 0;
}

int queue_hold(struct queue *q, uint64_t id, uint64_t until, const char *why)
{
	struct entry *x = find(q, id);
	char *copy;

	if (!x || x->device >= 0)
		return -ENOENT;
	copy = strdup(why);
	if (!copy)
		return -ENOMEM;
	free(x->held_why);
	x->held_why = copy;
	x->held_until = until;
	q->generation++;
	return 0;
}

int queue_avoid(struct queue *q, uint64_t id, const char *device)
{
	struct entry *x = find(q, id);
	int d = find_device(q, device), *grown;

	if (!x || x->wanted || d < 0)
		return -ENOENT;
	if (!suits(q, x, (size_t)d))
		return 0;
	grown = reallocarray(x->avoided, x->n_avoided + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	x->avoided = grown;
	x->avoided[x->n_avoided++] = d;
	q->generation++;
	return 0;
}

uint64_t queue_wakeup(const struct queue *q, uint64_t now)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < q->n; i++)
		if (q->entries[i].device < 0 && is_held(&q->entries[i], now))
			first = MIN(first, q->entries[i].held_until);
	return first;
}

unsigned int queue_position(const struct queue *q, uint64_t id)
{
	const struct entry *x = find(q, id);
	unsigned int position = 1;

	if (!x || x->device >= 0)
		return 0;
	for (const struct entry *y = q->entries; y < q->entries + q->n; y++)
		position += y->device < 0 && y != x && queue_order(y, x);
	return position;
}

/* No device in service would do. */
static void describe_missing(const struct entry *x, char *buf, size_t size)
{
	if (x->wanted)
		snprintf(buf, size, "waits for %s, which is not there", x->wanted);
	else
		snprintf(buf, size, "waits for a device: none is in service%s",
			 x->n_avoided ? " that it fits" : "");
}

/*
 * "embedded0, which runs job 3 of alice and 1 more", of those that would do the one with the oldest
 * job.
 */
static void describe_busy(const struct queue *q, const struct entry *x, char *buf, size_t size)
{
	const struct entry *y = q->entries;
	const struct device *d;

	while (y < q->entries + q->n && (y->device < 0 || q->devices[y->device].slots == 0 ||
					 !suits(q, x, (size_t)y->device)))
		y++;
	if (y == q->entries + q->n) {
		describe_missing(x, buf, size);
		return;
	}
	d = &q->devices[y->device];
	if (d->busy > 1)
		snprintf(buf, size, "waits for %s, which runs job %" PRIu64 " of %s and %u more",
			 d->name, y->id, y->user, d->busy - 1);
	else
		snprintf(buf, size, "waits for %s, which runs job %" PRIu64 " of %s", d->name,
			 y->id, y->user);
}

static void describe(const struct queue *q, const struct entry *x, unsigned int ahead, uint64_t now,
		     char *buf, size_t size)
{
	const struct device *free_one = choose(q, x);
	char what[QUEUE_MAX_REASON];
	const char *device;
	uint64_t next;

	if (free_one && queue_next(q, now, &next, &device) && next == x->id) {
		snprintf(buf, size, "is about to start on %s", device);
		return;
	}
	if (free_one)
		snprintf(what, sizeof(what), "waits for %s", free_one->name);
	else
		describe_busy(q, x, what, sizeof(what));
	if (ahead == 0)
		snprintf(buf, size, "%s; it is next", what);
	else if (ahead == 1)
		snprintf(buf, size, "%s; 1 job is ahead", what);
	else
		snprintf(buf, size, "%s; %u jobs are ahead", what, ahead);
}

void queue_reason(const struct queue *q, uint64_t id, uint64_t now, char ret[QUEUE_MAX_REASON])
{
	const struct entry *x = find(q, id);
	unsigned int position = queue_position(q, id);
	char text[2 * QUEUE_MAX_REASON];
	struct err clean = { 0 };

	ret[0] = '\0';
	if (position == 0)
		return;
	if (is_held(x, now))
		snprintf(text, sizeof(text), "waits: %s", x->held_why);
	else
		describe(q, x, position - 1, now, text, sizeof(text));
	/* Names of users and files may be cut, or be no text at all. */
	err_set(&clean, -EAGAIN, "%s", text);
	memcpy(ret, clean.text, QUEUE_MAX_REASON);
}

const char *queue_device(const struct queue *q, uint64_t id)
{
	const struct entry *x = find(q, id);

	return x && x->device >= 0 ? q->devices[x->device].name : NULL;
}

uint64_t queue_running_on(const struct queue *q, const char *device, unsigned int *ret_count)
{
	int d = find_device(q, device);

	*ret_count = d < 0 ? 0 : q->devices[d].busy;
	for (size_t i = 0; i < q->n; i++)
		if (d >= 0 && q->entries[i].device == d)
			return q->entries[i].id;
	return 0;
}

uint64_t queue_generation(const struct queue *q)
{
	return q->generation;
}

unsigned int queue_waiting(const struct queue *q)
{
	return (unsigned int)(q->n - q->running);
}

unsigned int queue_running(const struct queue *q)
{
	return (unsigned int)q->running;
}

unsigned int queue_count_of(const struct queue *q, uid_t uid)
{
	unsigned int count = 0;

	for (size_t i = 0; i < q->n; i++)
		count += q->entries[i].uid == uid;
	return count;
}
