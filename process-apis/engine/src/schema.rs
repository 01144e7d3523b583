//! The engine's tables, in each process API's own database.

use persistence::Migration;

/// What every process API's database begins with: the engine's tables and those it needs from persistence.
pub const MIGRATIONS: [Migration; 7] = [
    persistence::outbox::MIGRATION,
    persistence::inbox::MIGRATION,
    persistence::idempotency::MIGRATION,
    persistence::cursors::MIGRATION,
    ENGINE_MIGRATION,
    PAUSES_MIGRATION,
    GROUPS_MIGRATION,
];

/// The engine's own tables.
///
/// `due_ms` of an instance is when a worker may next take it: the next try, a timer, or the end of the lease of the
/// worker that has it; null while it waits for a signal or a person, and when it has ended. `fence` counts the leases.
pub const ENGINE_MIGRATION: Migration = Migration {
    name: "engine-1",
    sql: "
CREATE TABLE engine_instances (
    id TEXT PRIMARY KEY,
    process TEXT NOT NULL,
    version BIGINT NOT NULL,
    business_key TEXT NOT NULL,
    title TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    status TEXT NOT NULL,
    direction TEXT NOT NULL,
    step_index BIGINT NOT NULL,
    step_name TEXT NOT NULL,
    step_since_ms BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    state TEXT NOT NULL,
    answer TEXT,
    attempt BIGINT NOT NULL,
    retry_since_ms BIGINT,
    last_failure TEXT,
    exception_id TEXT,
    money_amount TEXT,
    money_currency TEXT,
    legal_entity TEXT,
    region TEXT,
    due_ms BIGINT,
    lease_owner TEXT,
    fence BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    UNIQUE (process, business_key));
CREATE INDEX engine_instances_due ON engine_instances (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX engine_instances_status ON engine_instances (status, process);

CREATE TABLE engine_journal (
    instance_id TEXT NOT NULL REFERENCES engine_instances (id),
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    step_index BIGINT NOT NULL,
    step_name TEXT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    actor TEXT,
    reason TEXT,
    PRIMARY KEY (instance_id, sequence));

CREATE TABLE engine_effects (
    instance_id TEXT NOT NULL REFERENCES engine_instances (id),
    key TEXT NOT NULL,
    step TEXT NOT NULL,
    target TEXT NOT NULL,
    what TEXT NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL,
    written TEXT,
    failure TEXT,
    sends BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (instance_id, key));

CREATE TABLE engine_signals (
    id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL REFERENCES engine_instances (id),
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    received_ms BIGINT NOT NULL,
    consumed_ms BIGINT);
CREATE INDEX engine_signals_waiting ON engine_signals (instance_id, name) WHERE consumed_ms IS NULL;

CREATE TABLE engine_exceptions (
    id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL REFERENCES engine_instances (id),
    process TEXT NOT NULL,
    version BIGINT NOT NULL,
    step TEXT NOT NULL,
    item_key TEXT NOT NULL,
    business_key TEXT NOT NULL,
    title TEXT NOT NULL,
    failure TEXT NOT NULL,
    cause_code TEXT NOT NULL,
    cause_subject TEXT NOT NULL,
    owner_role TEXT NOT NULL,
    assignee TEXT,
    money_amount TEXT,
    money_currency TEXT,
    legal_entity TEXT,
    region TEXT,
    state TEXT NOT NULL,
    opened_ms BIGINT NOT NULL,
    sla_ms BIGINT NOT NULL,
    closed_ms BIGINT,
    resolution TEXT,
    resolver TEXT,
    correlation_id TEXT NOT NULL,
    work_ms BIGINT,
    work_token TEXT,
    work_tries BIGINT NOT NULL);
CREATE UNIQUE INDEX engine_exceptions_open ON engine_exceptions (instance_id, item_key) WHERE closed_ms IS NULL;
CREATE INDEX engine_exceptions_cause ON engine_exceptions (cause_code, cause_subject) WHERE closed_ms IS NULL;
CREATE INDEX engine_exceptions_work ON engine_exceptions (work_ms) WHERE work_ms IS NOT NULL",
};

/// Connections that are paused, and the instances that wait for them (`waits_for`): no worker takes those.
pub const PAUSES_MIGRATION: Migration = Migration {
    name: "engine-pauses-1",
    sql: "
ALTER TABLE engine_instances ADD COLUMN waits_for TEXT;
DROP INDEX engine_instances_due;
CREATE INDEX engine_instances_due ON engine_instances (due_ms) WHERE due_ms IS NOT NULL AND waits_for IS NULL;
CREATE INDEX engine_instances_waits_for ON engine_instances (waits_for, due_ms) WHERE waits_for IS NOT NULL;

CREATE TABLE engine_pauses (
    connection TEXT PRIMARY KEY,
    pause TEXT NOT NULL)",
};

/// Finds the exceptions that are being carried out together.
pub const GROUPS_MIGRATION: Migration = Migration {
    name: "engine-groups-1",
    sql: "CREATE INDEX engine_exceptions_token ON engine_exceptions (work_token) WHERE work_token IS NOT NULL",
};
