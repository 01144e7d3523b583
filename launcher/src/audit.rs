//! `fairlead audit verify`: checks an export of the audit log on a machine that need not know the installation.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::Context;
use audit_log::{Head, Report, Verifier};

/// Checks an export against itself, against tree heads that were kept, and against the key that must have signed them.
///
/// # Errors
/// A file cannot be read, or the file of heads has none.
pub fn verify(export: &Path, heads: Option<&Path>, public_key: Option<&str>) -> anyhow::Result<Report> {
    let kept = heads.map(kept_heads).transpose()?.unwrap_or_default();
    let unreadable = || format!("{} cannot be read", export.display());
    let mut lines = BufReader::new(File::open(export).with_context(unreadable)?);
    let mut verifier = Verifier::new(kept, public_key.map(str::to_lowercase));
    let (mut line, mut whole) = (Vec::new(), true);
    while lines.read_until(b'\n', &mut line).with_context(unreadable)? > 0 {
        whole = line.last() == Some(&b'\n');
        if whole {
            line.pop();
        }
        verifier.line(&line);
        line.clear();
    }
    Ok(verifier.finish(whole))
}

/// Heads as the API or an export gives them, one after the other.
fn kept_heads(path: &Path) -> anyhow::Result<Vec<Head>> {
    let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let heads: Result<Vec<Head>, _> = serde_json::Deserializer::from_slice(&text).into_iter().collect();
    let heads = heads.with_context(|| format!("{} holds no tree heads", path.display()))?;
    anyhow::ensure!(!heads.is_empty(), "{} holds no tree head", path.display());
    Ok(heads)
}

/// Says what was found.
///
/// # Errors
/// Something is not as it was written, or nobody takes the text.
pub fn tell(report: &Report, mut out: impl Write) -> anyhow::Result<()> {
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    let count = report.findings.len();
    anyhow::ensure!(
        count == 0,
        "the export is not as it was written: {count} findings"
    );
    writeln!(
        out,
        "entries {} to {} are as they were written\n{} tree heads fit, {} signatures\nroot over {} entries: {}",
        report.first, report.last, report.heads, report.signatures, report.last, report.root_hash
    )?;
    Ok(())
}
