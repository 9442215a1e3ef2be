// SPDX-License-Identifier: MIT
/* The tables of the store, as they became what they are, and what is asked of them. */
#include "store_db.h"

/*
 * AUTOINCREMENT: ids are not given twice. Specs are long and seldom read: in a table of their own,
 * so that those who list jobs do not walk over them.
 */
const char *const store_schema[STORE_VERSION] = {
	"CREATE TABLE jobs ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" uid INTEGER NOT NULL,"
	" gid INTEGER NOT NULL,"
	" groups TEXT NOT NULL,"
	" user TEXT NOT NULL,"
	" kind INTEGER NOT NULL,"
	" name TEXT NOT NULL,"
	" state INTEGER NOT NULL,"
	" progress REAL NOT NULL,"
	" reason TEXT NOT NULL,"
	" submitted INTEGER NOT NULL,"
	" started INTEGER NOT NULL,"
	" finished INTEGER NOT NULL,"
	" resumes INTEGER NOT NULL,"
	" latest TEXT,"
	" spec TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX jobs_active ON jobs (id) WHERE state IN (0, 1);",

	"CREATE TABLE specs ("
	" job INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,"
	" spec TEXT NOT NULL"
	") STRICT;"
	"INSERT INTO specs SELECT id, spec FROM jobs;"
	"ALTER TABLE jobs DROP COLUMN spec;"
	"ALTER TABLE jobs ADD COLUMN band INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE jobs ADD COLUMN time_limit INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN after_ok TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE jobs ADD COLUMN after_any TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE jobs ADD COLUMN array INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN array_index INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN device_us INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN flips INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN joules_device REAL NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN joules_software REAL NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN bytes INTEGER NOT NULL DEFAULT -1;"
	/* For each user, by when they ended, with all that is added up. */
	"CREATE INDEX jobs_use ON jobs"
	" (uid, finished, device_us, flips, joules_device, joules_software);"
	"CREATE TABLE users ("
	" uid INTEGER PRIMARY KEY,"
	" user TEXT NOT NULL,"
	" used REAL NOT NULL,"
	" level REAL NOT NULL,"
	" floor REAL NOT NULL,"
	" day INTEGER NOT NULL,"
	" wall INTEGER NOT NULL"
	") STRICT;"
	"INSERT INTO users SELECT uid, MAX(user), 0, 0, 0, 0, 0 FROM jobs GROUP BY uid;"
	"CREATE TABLE reservations ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" device TEXT NOT NULL,"
	" begins INTEGER NOT NULL,"
	" ends INTEGER NOT NULL,"
	" uids TEXT NOT NULL,"
	" why TEXT NOT NULL,"
	" by TEXT NOT NULL"
	") STRICT;",
};

#define COLUMNS                                                                                \
	"id, uid, gid, groups, user, kind, name, state, progress, reason, submitted, started," \
	" finished, resumes, latest, band, time_limit, hold, after_ok, after_any, array,"      \
	" array_index, crashes, device_us, flips, joules_device, joules_software, bytes"

const char *const store_sql[STATEMENT_COUNT] = {
	[JOB_INSERT] = "INSERT INTO jobs (uid, gid, groups, user, kind, name, state, progress,"
		       " reason, submitted, started, finished, resumes, latest, band, time_limit,"
		       " hold, after_ok, after_any, array, array_index, crashes, device_us, flips,"
		       " joules_device, joules_software, bytes)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
		       " ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)",
	[JOB_INSERT_SPEC] = "INSERT INTO specs (job, spec) VALUES (?1, ?2)",
	[JOB_UPDATE] = "UPDATE jobs SET state = ?2, progress = ?3, reason = ?4, started = ?5,"
		       " finished = ?6, resumes = ?7, latest = ?8, hold = ?9, crashes = ?10,"
		       " device_us = ?11, flips = ?12, joules_device = ?13, joules_software = ?14,"
		       " bytes = ?15, array = ?16 WHERE id = ?1",
	[JOB_GET] = "SELECT " COLUMNS " FROM jobs WHERE id = ?1",
	[JOB_GET_SPEC] = "SELECT spec FROM specs WHERE job = ?1",
	[JOB_LIST_ALL] = "SELECT " COLUMNS " FROM jobs WHERE id > ?1 ORDER BY id LIMIT ?2",
	[JOB_LIST_ACTIVE] = "SELECT " COLUMNS " FROM jobs WHERE id > ?1 AND state IN (0, 1)"
			    " ORDER BY id LIMIT ?2",
	[JOB_REQUEUE] = "UPDATE jobs SET state = 0, resumes = resumes + 1 WHERE state = 1",

	[USER_PUT] = "INSERT INTO users (uid, user, used, level, floor, day, wall)"
		     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (uid) DO UPDATE SET"
		     " user = ?2, used = ?3, level = ?4, floor = ?5, day = ?6, wall = ?7",
	[USER_LIST] = "SELECT uid, user, used, level, floor, day, wall FROM users ORDER BY uid",
	/* The left join has a user without a job since then, too. */
	[USER_USAGE] = "SELECT users.uid, users.user, COUNT(finished), TOTAL(device_us),"
		       " TOTAL(flips), TOTAL(joules_device), TOTAL(joules_software)"
		       " FROM users LEFT JOIN jobs INDEXED BY jobs_use"
		       " ON jobs.uid = users.uid AND finished >= ?1"
		       " GROUP BY users.uid ORDER BY users.uid",
	[USER_BYTES] = "SELECT uid, SUM(bytes) FROM jobs WHERE bytes > 0 GROUP BY uid",

	[RESERVATION_INSERT] = "INSERT INTO reservations (device, begins, ends, uids, why, by)"
			       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[RESERVATION_DELETE] = "DELETE FROM reservations WHERE id = ?1",
	[RESERVATION_LIST] = "SELECT id, device, begins, ends, uids, why, by FROM reservations"
			     " ORDER BY id",
};
