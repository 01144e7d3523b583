//! The tables of time-to-invoice: one SQL text for SQLite and PostgreSQL.

use persistence::Migration;

/// The tables, to be opened after those of the engine.
pub const MIGRATIONS: [Migration; 3] = [
    Migration {
        name: "time-to-invoice-1",
        sql: SQL,
    },
    Migration {
        name: "time-to-invoice-2",
        sql: REVERSALS,
    },
    Migration {
        name: "time-to-invoice-journal",
        sql: "CREATE INDEX posting_lines_erp ON posting_lines (erp_id, erp_connection) WHERE erp_id IS NOT NULL;",
    },
];

// `correction` is the business key of the last instance that took the line in hand, `corrections` how many there were.
// Changes that a person was told of, and could only book by hand, are looked at once more.
const REVERSALS: &str = "
ALTER TABLE posting_lines ADD COLUMN reverses TEXT;
ALTER TABLE posting_lines ADD COLUMN credit_note TEXT;
ALTER TABLE posting_lines ADD COLUMN correction TEXT;
ALTER TABLE posting_lines ADD COLUMN corrections BIGINT NOT NULL DEFAULT 0;
CREATE INDEX posting_lines_reversing ON posting_lines (correction) WHERE state = 'reversing';
CREATE INDEX posting_lines_credited ON posting_lines (project_id, charge_currency) WHERE credit_note IS NOT NULL;
UPDATE posting_lines SET news_told = 0 WHERE news_told = 1;
";

// Flags and sums are BIGINT, days are ISO text, instants are epoch milliseconds: the types that both engines agree on.
// What distinguishes most stands first in an index: before PostgreSQL has looked at a table it takes the first columns
// for all it can search by. An empty `charge_currency` stands for "not charged".
const SQL: &str = "
CREATE TABLE posting_lines (
    id TEXT PRIMARY KEY,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    state TEXT NOT NULL,
    digest TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    work TEXT NOT NULL,
    edits TEXT,
    project TEXT NOT NULL,
    person TEXT NOT NULL,
    day TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    charge_minor BIGINT NOT NULL,
    charge_currency TEXT NOT NULL,
    project_id TEXT,
    legal_entity TEXT,
    batch TEXT,
    news TEXT,
    news_told BIGINT NOT NULL,
    failure TEXT,
    cause_code TEXT,
    cause_subject TEXT,
    erp_connection TEXT,
    erp_id TEXT,
    erp_project_id TEXT,
    billed_as TEXT,
    invoice_run TEXT,
    invoice_id TEXT,
    changed_at BIGINT NOT NULL,
    posted_at BIGINT,
    UNIQUE (source_id, kind, connection, generation)
);
CREATE INDEX posting_lines_queued ON posting_lines (connection, kind, project, day, id) WHERE state = 'queued';
CREATE INDEX posting_lines_posting ON posting_lines (connection, kind, project, batch) WHERE state = 'posting';
CREATE INDEX posting_lines_excepted ON posting_lines (cause_code, cause_subject) WHERE state = 'excepted';
CREATE INDEX posting_lines_batch ON posting_lines (batch) WHERE batch IS NOT NULL;
CREATE INDEX posting_lines_fingerprint ON posting_lines (fingerprint);
CREATE INDEX posting_lines_billable ON posting_lines (project_id, day)
    WHERE state = 'posted' AND invoice_run IS NULL AND charge_currency <> '';
CREATE INDEX posting_lines_run ON posting_lines (invoice_run) WHERE invoice_run IS NOT NULL;
CREATE INDEX posting_lines_standing ON posting_lines (state, legal_entity, project_id);
CREATE INDEX posting_lines_day ON posting_lines (day, id);

CREATE INDEX posting_lines_news ON posting_lines (news_told, state) WHERE news IS NOT NULL;

CREATE TABLE unreadable_changes (
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    failure TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    told BIGINT NOT NULL,
    PRIMARY KEY (source_id, kind, connection)
);
CREATE INDEX unreadable_changes_untold ON unreadable_changes (told) WHERE told = 0;

CREATE TABLE overtaken_exceptions (
    line_id TEXT NOT NULL,
    batch TEXT NOT NULL,
    PRIMARY KEY (line_id, batch)
);

CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    scope TEXT NOT NULL,
    billing_method TEXT NOT NULL,
    currency TEXT NOT NULL,
    cap TEXT,
    purchase_order TEXT,
    purchase_order_required BIGINT NOT NULL,
    rate_card TEXT,
    agreed BIGINT NOT NULL
);

CREATE TABLE charges (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    description TEXT NOT NULL,
    due TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    milestone TEXT
);
CREATE INDEX charges_due ON charges (due) WHERE milestone IS NULL;
CREATE INDEX charges_project ON charges (project_id);
CREATE INDEX charges_milestone ON charges (milestone) WHERE milestone IS NOT NULL;

CREATE TABLE billed_events (
    event TEXT PRIMARY KEY,
    run_id TEXT NOT NULL
);
CREATE INDEX billed_events_run ON billed_events (run_id);

CREATE TABLE billing_runs (
    id TEXT PRIMARY KEY,
    project_id TEXT,
    basis TEXT NOT NULL,
    event TEXT,
    through TEXT NOT NULL,
    date TEXT NOT NULL,
    state TEXT NOT NULL,
    net_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    lines BIGINT NOT NULL,
    invoice TEXT,
    invoice_number TEXT,
    requested_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX billing_runs_project ON billing_runs (project_id, state);
CREATE UNIQUE INDEX billing_runs_period ON billing_runs (project_id, through) WHERE basis = 'period_end';
";
