BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'boomerang','m001_calls','2026-11-29 17:53:49.233243+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'boomerang','m002_direct','2026-11-29 17:53:49.233564+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'boomerang','m003_policy','2026-11-29 17:53:49.233850+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'boomerang','m004_outbox','2026-11-29 17:53:49.234069+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'boomerang','m005_tasks','2026-11-29 17:53:49.234387+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'boomerang','m006_attempts','2026-11-29 17:53:49.234780+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'boomerang','m007_journal','2026-11-29 17:53:49.235059+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'boomerang','m008_tickets','2026-11-29 17:53:49.235537+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'boomerang','m009_do_not_call','2026-11-29 17:53:49.235784+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'boomerang','m010_tasks_of_a_group','2026-11-29 17:53:49.235959+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'boomerang','m011_history','2026-11-29 17:53:49.236405+00:00');
INSERT INTO "_sqlite_migrations" VALUES(12,'boomerang','m012_spellings','2026-11-29 17:53:49.236565+00:00');
INSERT INTO "_sqlite_migrations" VALUES(13,'boomerang','m013_alarms','2026-11-29 17:53:49.236719+00:00');
CREATE TABLE alarms (
            name TEXT PRIMARY KEY, text TEXT NOT NULL, raised_at REAL NOT NULL
        ) WITHOUT ROWID;
INSERT INTO "alarms" VALUES('signing_key','was replaced',1790000000.0);
CREATE TABLE attempts (
            id TEXT PRIMARY KEY, task TEXT NOT NULL, customer TEXT NOT NULL, serial INTEGER NOT NULL, agent TEXT,
            node TEXT NOT NULL, step TEXT NOT NULL, claimed_at REAL NOT NULL, customer_at REAL, answered_at REAL,
            ended_at REAL, result TEXT, cause INTEGER, talk_s REAL
        ) WITHOUT ROWID;
INSERT INTO "attempts" VALUES('01a0c450-6c00-700a-8139-4faa8f3c00c3','01a0c450-77b8-799d-bfae-6552b0b84060','+36201234564',1,'201','edge1','ended',1790000000.0,1790000020.0,1790000025.0,1790000050.0,'talked',NULL,25.0);
INSERT INTO "attempts" VALUES('01a0c450-6c00-7d6c-96b7-eea566d2b06d','01a0c450-6c00-752b-927a-8c57b618daba','+36201234561',1,'201','edge1','agent',1790000000.0,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE calls (
            id TEXT PRIMARY KEY, sip_call_id TEXT NOT NULL, direction TEXT NOT NULL, trunk TEXT NOT NULL,
            pbx TEXT NOT NULL, customer TEXT, number TEXT, dialled TEXT NOT NULL, agent TEXT, evidence TEXT,
            "group" TEXT, reason TEXT NOT NULL, tried TEXT, started_at REAL NOT NULL, answered_at REAL,
            session_s REAL, ended_at REAL, cause INTEGER, ended_by TEXT, talk_s REAL
        ) WITHOUT ROWID;
INSERT INTO "calls" VALUES('01a0c450-6fe8-777d-8a49-6f6dc1866ec4','call-1@old','inbound','main','office','+36201234561','+3614445555','3614445555',NULL,NULL,'sales','normal',NULL,1790000001.0,1790000005.0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES('01a0c450-73d0-7b5b-b9b6-1447ecde9b21','call-2@old','inbound','main','office','+36201234562','+3614445555','3614445555',NULL,NULL,'sales','normal',NULL,1790000002.0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES('01a0c450-77b8-7b4c-9eba-ac19dd0c334f','call-3@old','inbound','main','office','+36201234563','+3614445555','3614445555','201',NULL,'sales','normal',NULL,1790000003.0,1790000005.0,NULL,1790000009.0,200,'caller',4.0);
CREATE TABLE comments (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL, at REAL NOT NULL,
            author TEXT NOT NULL, text TEXT NOT NULL, internal INTEGER NOT NULL
        );
INSERT INTO "comments" VALUES(1,'01a0c450-6c00-78c7-ba27-03a46dd49fd6','01a0c450-6c00-7ee0-b7b4-ec636929c4fb',1790000000.0,'boomerang','noted',1);
CREATE TABLE deliveries (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL, comment TEXT,
            channel TEXT NOT NULL, tries INTEGER NOT NULL, next_at REAL, delivered_at REAL, error TEXT NOT NULL
        );
INSERT INTO "deliveries" VALUES(1,'01a0c450-6c00-771f-94ec-9a00f4c3daca','01a0c450-6c00-7ee0-b7b4-ec636929c4fb',NULL,'webhook',0,1790000000.0,NULL,'');
INSERT INTO "deliveries" VALUES(2,'01a0c450-6c00-7184-85f8-f6d8d2089553','01a0c450-6c00-7ee0-b7b4-ec636929c4fb',NULL,'smtp',0,NULL,1790000000.0,'');
CREATE TABLE direct (
            customer TEXT NOT NULL, agent TEXT NOT NULL, type INTEGER NOT NULL, made_at REAL NOT NULL,
            touched_at REAL NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (customer, agent)
        ) WITHOUT ROWID;
INSERT INTO "direct" VALUES('+36201234561','201',1,1790000000.0,1790000000.0,2000000000.0);
CREATE TABLE do_not_call (
            customer TEXT PRIMARY KEY, added_at REAL NOT NULL, reason TEXT NOT NULL
        ) WITHOUT ROWID;
INSERT INTO "do_not_call" VALUES('+36201234569',1790000000.0,'asked for it');
CREATE TABLE journal (
            seq INTEGER PRIMARY KEY, task TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, agent TEXT,
            data TEXT NOT NULL
        );
INSERT INTO "journal" VALUES(1,'01a0c450-6c00-752b-927a-8c57b618daba',1790000000.0,'missed',NULL,'{}');
INSERT INTO "journal" VALUES(2,'01a0c450-6fe8-7f23-8380-ec842e951c6f',1790000000.0,'missed',NULL,'{}');
INSERT INTO "journal" VALUES(3,'01a0c450-77b8-799d-bfae-6552b0b84060',1790000000.0,'ended','201','{}');
CREATE TABLE legs (
            call TEXT PRIMARY KEY, attempt TEXT NOT NULL, role TEXT NOT NULL, memory TEXT NOT NULL
        ) WITHOUT ROWID;
INSERT INTO "legs" VALUES('leg-1','01a0c450-6c00-7d6c-96b7-eea566d2b06d','agent','{"x":1}');
CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
            data TEXT NOT NULL
        );
INSERT INTO "outbox" VALUES(1,'01a0c450-6c00-7588-9a03-7f2c392194af',1790000000.0,'call.started','{"call":"x"}');
INSERT INTO "outbox" VALUES(2,'01a0c450-6c00-7e1b-ac43-fe279c9c7933',1790000000.0,'callback.queued','{"task":"01a0c450-6c00-752b-927a-8c57b618daba"}');
CREATE TABLE "policy" (
   "version" INTEGER PRIMARY KEY,
   "saved_at" REAL NOT NULL,
   "text" TEXT NOT NULL
);
INSERT INTO "policy" VALUES(1,1790000000.0,'timezone = "Europe/Budapest"
');
CREATE TABLE tasks (
            id TEXT PRIMARY KEY, customer TEXT NOT NULL, "group" TEXT NOT NULL, campaign TEXT, origin TEXT NOT NULL,
            number TEXT, pbx TEXT NOT NULL, trunk TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
            created_at REAL NOT NULL, missed_at REAL NOT NULL, missed INTEGER NOT NULL, expires_at REAL NOT NULL,
            due_at REAL, attempts INTEGER NOT NULL, attempts_max INTEGER NOT NULL, responsible_kind TEXT NOT NULL,
            responsible TEXT, responsible_since REAL, released_at REAL, declined TEXT NOT NULL, options TEXT NOT NULL,
            ended_at REAL
        ) WITHOUT ROWID;
INSERT INTO "tasks" VALUES('01a0c450-6c00-752b-927a-8c57b618daba','+36201234561','sales',NULL,'missed','+3614445555','office','main','open','',1790000000.0,1790000000.0,1,1790086400.0,1790000000.0,0,4,'none',NULL,NULL,NULL,'[]','{}',NULL);
INSERT INTO "tasks" VALUES('01a0c450-6fe8-7f23-8380-ec842e951c6f','+36201234562','sales',NULL,'missed','+3614445555','office','main','open','',1790000001.0,1790000001.0,1,1790086401.0,1790000001.0,0,4,'none',NULL,NULL,NULL,'["201"]','{"note":"old"}',NULL);
INSERT INTO "tasks" VALUES('01a0c450-73d0-788b-a4f0-05530f79904d','+36201234563','sales',NULL,'missed','+3614445555','office','main','held','operator',1790000002.0,1790000002.0,1,1790086402.0,1790000002.0,0,4,'none',NULL,NULL,NULL,'[]','{}',NULL);
INSERT INTO "tasks" VALUES('01a0c450-77b8-799d-bfae-6552b0b84060','+36201234564','sales',NULL,'missed','+3614445555','office','main','done','talked',1790000003.0,1790000003.0,1,1790086403.0,1790000003.0,0,4,'none',NULL,NULL,NULL,'[]','{}',1790000050.0);
CREATE TABLE ticket_numbers (last INTEGER NOT NULL);
INSERT INTO "ticket_numbers" VALUES(0);
CREATE TABLE tickets (
            id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, task TEXT, customer TEXT NOT NULL, "group" TEXT,
            agent TEXT, subject TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL, closed_at REAL
        ) WITHOUT ROWID;
INSERT INTO "tickets" VALUES('01a0c450-6c00-7ee0-b7b4-ec636929c4fb',1,'01a0c450-77b8-799d-bfae-6552b0b84060','+36201234564','sales',NULL,'Callback +36201234567','open',1790000000.0,NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',2);
COMMIT;
