//! Options of other servers without an equivalent, as Python sees them.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use yett_settings::Peer;

/// Each option of another server that no setting corresponds to: `peer` (the name of its command), `option`, `reason`.
/// Those that one corresponds to stand in the rows of `registry`.
#[pyfunction]
pub fn elsewhere(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let mut entries = Vec::new();
    for peer in Peer::ALL {
        for group in peer.unmatched() {
            for option in group.options {
                let entry = PyDict::new(py);
                entry.set_item("peer", peer.command())?;
                entry.set_item("option", option)?;
                entry.set_item("reason", group.reason)?;
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}
