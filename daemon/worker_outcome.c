// SPDX-License-Identifier: MIT
/* What the end of a worker means for its job. */
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include "protocol.h"
#include "worker_process.h"

/* As a sentence of ours: what a worker says may hold anything, and goes to terminals. */
static enum worker_outcome failed(struct err *ret, const char *fmt, ...) _printf_(2, 3);

static enum worker_outcome failed(struct err *ret, const char *fmt, ...)
{
	char text[sizeof(ret->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(ret, -ECHILD, "%s", text);
	return WORKER_FAILED;
}

static enum worker_outcome outcome_of_signal(int number, enum worker_stop stop, struct err *ret)
{
	const char *name = sigabbrev_np(number);

	/* A worker that did not checkpoint in time goes on from its last checkpoint. */
	if (number == SIGTERM || number == SIGKILL) {
		if (stop == WORKER_SHUTDOWN || stop == WORKER_PREEMPT || stop == WORKER_EXPIRED)
			return WORKER_STOPPED;
		if (stop == WORKER_GONE)
			return WORKER_LOST;
	}
	/* It called what none calls by accident; it would again. */
	if (number == SIGSYS)
		return failed(ret, "worker killed by SIGSYS, for a call of a foreign ABI");
	if (!name)
		failed(ret, "worker killed by signal %d", number);
	else if (number == SIGKILL && stop == WORKER_NOT_STOPPED)
		failed(ret, "worker killed by SIGKILL, as the kernel does when memory runs out");
	else
		failed(ret, "worker killed by SIG%s", name);
	return WORKER_CRASHED;
}

enum worker_outcome worker_outcome(int status, bool said_done, const char *failure,
				   enum worker_stop stop, struct err *ret)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (failure && code == WORKER_EXIT_UNFIT) {
		failed(ret, "%s", failure);
		return WORKER_UNFIT;
	}
	if (failure)
		return failed(ret, "%s", failure);
	if (WIFSIGNALED(status))
		return outcome_of_signal(WTERMSIG(status), stop, ret);
	if (code == 0 && said_done)
		return WORKER_DONE;
	if (code == 0)
		return failed(ret, "worker left without a result");
	if (code == WORKER_EXIT_STOPPED)
		return stop == WORKER_GONE ? WORKER_LOST : WORKER_STOPPED;
	if (code == WORKER_EXIT_LOST)
		return stop == WORKER_SHUTDOWN ? WORKER_STOPPED : WORKER_LOST;
	return failed(ret, "worker left with status %d and did not say why; see the job's log",
		      code);
}
