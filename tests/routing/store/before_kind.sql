BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'boomerang','m001_calls','2026-11-29 20:30:18.467420+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'boomerang','m002_direct','2026-11-29 20:30:18.467690+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'boomerang','m003_policy','2026-11-29 20:30:18.467954+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'boomerang','m004_outbox','2026-11-29 20:30:18.468151+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'boomerang','m005_tasks','2026-11-29 20:30:18.468489+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'boomerang','m006_attempts','2026-11-29 20:30:18.468837+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'boomerang','m007_journal','2026-11-29 20:30:18.469093+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'boomerang','m008_tickets','2026-11-29 20:30:18.469565+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'boomerang','m009_do_not_call','2026-11-29 20:30:18.469798+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'boomerang','m010_tasks_of_a_group','2026-11-29 20:30:18.469960+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'boomerang','m011_history','2026-11-29 20:30:18.470180+00:00');
INSERT INTO "_sqlite_migrations" VALUES(12,'boomerang','m012_spellings','2026-11-29 20:30:18.470314+00:00');
INSERT INTO "_sqlite_migrations" VALUES(13,'boomerang','m013_alarms','2026-11-29 20:30:18.470452+00:00');
INSERT INTO "_sqlite_migrations" VALUES(14,'boomerang','m014_nodes','2026-11-29 20:30:18.472208+00:00');
CREATE TABLE alarms (
            name TEXT PRIMARY KEY, text TEXT NOT NULL, raised_at REAL NOT NULL
        ) WITHOUT ROWID;
CREATE TABLE attempts (
            id TEXT PRIMARY KEY, task TEXT NOT NULL, customer TEXT NOT NULL, serial INTEGER NOT NULL, agent TEXT,
            node TEXT NOT NULL, step TEXT NOT NULL, claimed_at REAL NOT NULL, customer_at REAL, answered_at REAL,
            ended_at REAL, result TEXT, cause INTEGER, talk_s REAL
        , epoch INTEGER NOT NULL DEFAULT 0, engages TEXT) WITHOUT ROWID;
INSERT INTO "attempts" VALUES('01a0c450-6c00-7971-9bc4-f0906c0e53eb','01a0c450-6fe8-7771-bf01-cc3165674c5a','+36201234561',1,'201','edge1','claimed',1790000000.0,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
CREATE TABLE calls (
            id TEXT PRIMARY KEY, sip_call_id TEXT NOT NULL, direction TEXT NOT NULL, trunk TEXT NOT NULL,
            pbx TEXT NOT NULL, customer TEXT, number TEXT, dialled TEXT NOT NULL, agent TEXT, evidence TEXT,
            "group" TEXT, reason TEXT NOT NULL, tried TEXT, started_at REAL NOT NULL, answered_at REAL,
            session_s REAL, ended_at REAL, cause INTEGER, ended_by TEXT, talk_s REAL
        , node TEXT NOT NULL DEFAULT '', epoch INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE comments (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL, at REAL NOT NULL,
            author TEXT NOT NULL, text TEXT NOT NULL, internal INTEGER NOT NULL
        );
CREATE TABLE deliveries (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL, comment TEXT,
            channel TEXT NOT NULL, tries INTEGER NOT NULL, next_at REAL, delivered_at REAL, error TEXT NOT NULL
        , node TEXT NOT NULL DEFAULT '');
CREATE TABLE direct (
            customer TEXT NOT NULL, agent TEXT NOT NULL, type INTEGER NOT NULL, made_at REAL NOT NULL,
            touched_at REAL NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (customer, agent)
        ) WITHOUT ROWID;
CREATE TABLE do_not_call (
            customer TEXT PRIMARY KEY, added_at REAL NOT NULL, reason TEXT NOT NULL
        ) WITHOUT ROWID;
CREATE TABLE journal (
            seq INTEGER PRIMARY KEY, task TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, agent TEXT,
            data TEXT NOT NULL
        );
INSERT INTO "journal" VALUES(1,'01a0c450-6fe8-7771-bf01-cc3165674c5a',1790000000.0,'queued',NULL,'{"origin":"missed"}');
INSERT INTO "journal" VALUES(2,'01a0c450-73d0-7373-a1c2-b90d1ea3c072',1790000000.0,'queued',NULL,'{"origin":"campaign"}');
INSERT INTO "journal" VALUES(3,'01a0c450-77b8-745f-9b5a-742051c571ed',1790000000.0,'queued',NULL,'{"origin":"manual"}');
INSERT INTO "journal" VALUES(4,'01a0c450-7ba0-771c-b406-6d8977501104',1790000000.0,'queued',NULL,'{"origin":"queue"}');
INSERT INTO "journal" VALUES(5,'01a0c450-7f88-7675-8d46-69b0eb58d0b9',1790000000.0,'queued',NULL,'{"origin":"campaign"}');
INSERT INTO "journal" VALUES(6,'01a0c450-8370-7710-9818-196aa35e7774',1790000000.0,'queued',NULL,'{"origin":"missed"}');
CREATE TABLE legs (
            call TEXT PRIMARY KEY, attempt TEXT NOT NULL, role TEXT NOT NULL, memory TEXT NOT NULL
        , node TEXT NOT NULL DEFAULT '', epoch INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE nodes (
            name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, started_at REAL NOT NULL
        ) WITHOUT ROWID;
INSERT INTO "nodes" VALUES('edge1',1,1790000000.0);
CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
            data TEXT NOT NULL
        , node TEXT NOT NULL DEFAULT '');
CREATE TABLE "policy" (
   "version" INTEGER PRIMARY KEY,
   "saved_at" REAL NOT NULL,
   "text" TEXT NOT NULL
);
CREATE TABLE tasks (
            id TEXT PRIMARY KEY, customer TEXT NOT NULL, "group" TEXT NOT NULL, campaign TEXT, origin TEXT NOT NULL,
            number TEXT, pbx TEXT NOT NULL, trunk TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
            created_at REAL NOT NULL, missed_at REAL NOT NULL, missed INTEGER NOT NULL, expires_at REAL NOT NULL,
            due_at REAL, attempts INTEGER NOT NULL, attempts_max INTEGER NOT NULL, responsible_kind TEXT NOT NULL,
            responsible TEXT, responsible_since REAL, released_at REAL, declined TEXT NOT NULL, options TEXT NOT NULL,
            ended_at REAL
        , version INTEGER NOT NULL DEFAULT 1, changed_by TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
INSERT INTO "tasks" VALUES('01a0c450-6fe8-7771-bf01-cc3165674c5a','+36201234561','sales',NULL,'missed','+3614445555','office','main','open','',1790000001.0,1790000001.0,1,1790086401.0,1790000001.0,0,4,'none',NULL,NULL,NULL,'[]','{}',NULL,1,'edge1');
INSERT INTO "tasks" VALUES('01a0c450-73d0-7373-a1c2-b90d1ea3c072','+36201234562','sales','10001','campaign','+3614445555','office','main','open','',1790000002.0,1790000002.0,1,1790086402.0,1790000002.0,0,4,'none',NULL,NULL,NULL,'[]','{}',NULL,1,'edge1');
INSERT INTO "tasks" VALUES('01a0c450-77b8-745f-9b5a-742051c571ed','+36201234563','sales',NULL,'manual','+3614445555','office','main','open','',1790000003.0,1790000003.0,1,1790086403.0,1790000003.0,0,4,'none',NULL,NULL,NULL,'[]','{}',NULL,1,'edge1');
INSERT INTO "tasks" VALUES('01a0c450-7ba0-771c-b406-6d8977501104','+36201234564','sales',NULL,'queue','+3614445555','office','main','open','',1790000004.0,1790000004.0,1,1790086404.0,1790000004.0,0,4,'none',NULL,NULL,NULL,'[]','{}',NULL,1,'edge1');
INSERT INTO "tasks" VALUES('01a0c450-7f88-7675-8d46-69b0eb58d0b9','+36201234565','sales',NULL,'campaign','+3614445555','office','main','held','operator',1790000005.0,1790000005.0,1,1790086405.0,1790000005.0,0,4,'none',NULL,NULL,NULL,'[]','{}',NULL,1,'edge1');
INSERT INTO "tasks" VALUES('01a0c450-8370-7710-9818-196aa35e7774','+36201234566','sales',NULL,'missed','+3614445555','office','main','done','talked',1790000006.0,1790000006.0,1,1790086406.0,NULL,0,4,'none',NULL,NULL,NULL,'[]','{}',1790000060.0,1,'edge1');
CREATE TABLE ticket_numbers (last INTEGER NOT NULL);
INSERT INTO "ticket_numbers" VALUES(0);
CREATE TABLE tickets (
            id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, task TEXT, customer TEXT NOT NULL, "group" TEXT,
            agent TEXT, subject TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL, closed_at REAL
        ) WITHOUT ROWID;
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX calls_open ON calls (id) WHERE ended_at IS NULL;
CREATE INDEX calls_customer ON calls (customer, id) WHERE customer IS NOT NULL;
CREATE INDEX direct_expires ON direct (expires_at);
CREATE UNIQUE INDEX tasks_one ON tasks (customer, "group") WHERE state IN ('open', 'held');
CREATE INDEX tasks_state ON tasks (state, id);
CREATE INDEX tasks_customer ON tasks (customer, id);
CREATE UNIQUE INDEX attempts_one_customer ON attempts (customer) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX attempts_one_task ON attempts (task) WHERE ended_at IS NULL;
CREATE INDEX attempts_task ON attempts (task, serial);
CREATE INDEX attempts_dialled ON attempts (customer_at, customer) WHERE customer_at IS NOT NULL;
CREATE INDEX journal_task ON journal (task, seq);
CREATE INDEX journal_released ON journal (at, agent) WHERE kind='released';
CREATE INDEX tickets_customer ON tickets (customer, number);
CREATE INDEX tickets_task ON tickets (task, number) WHERE task IS NOT NULL;
CREATE INDEX comments_ticket ON comments (ticket, seq);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_ticket ON deliveries (ticket, channel, seq);
CREATE INDEX tasks_group ON tasks ("group", id);
CREATE INDEX tasks_ended ON tasks (ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX tickets_closed ON tickets (closed_at, id) WHERE closed_at IS NOT NULL;
CREATE UNIQUE INDEX attempts_one_agent ON attempts (engages) WHERE ended_at IS NULL AND engages IS NOT NULL;
DELETE FROM "sqlite_sequence";
COMMIT;
