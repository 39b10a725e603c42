//! What a run shows: its records, and the tables, curves, pages and event files made from them.
//!
//! The engine writes two records into a run folder, both JSON with a `schema_version`: [`EpochRow`], one line
//! of `metrics.jsonl` per epoch, and [`Summary`], the whole of `summary.json`. Everything here starts from
//! these two and nothing else, so that a run can be looked at long after it ended:
//!
//! * [`compare`] puts runs side by side: student alone, distilled, teacher; mean, spread and gain, a paired test, published figures;
//! * [`curves_svg`] draws accuracy and loss, [`html_report`] a whole page without scripts or other files;
//! * [`model_card`] writes the `README.md` beside a student's weights, [`onnx_card`] that beside an ONNX file;
//! * [`TileSheet`] puts images side by side with marks on them and text below;
//! * [`tensorboard::EventWriter`] writes the event files that `TensorBoard` reads.
//!
//! No function prints; each gives back text, or writes the one file it names.

mod card;
mod chart;
mod compare;
mod curves;
mod data;
mod details;
mod error;
mod html;
pub mod human;
mod metrics;
mod published;
mod schema;
mod spread;
mod summary;
pub mod tensorboard;
mod tiles;
mod version_1;
mod xml;

pub use card::{CardFacts, OnnxFacts, model_card, onnx_card};
pub use compare::{Comparison, Paired, Published, Role, Row, RunGroup, Setup, compare, escape_markdown};
pub use curves::{Curve, curves_svg};
pub use data::{Data, MeasuredOn};
pub use details::details_text;
pub use error::ReportError;
pub use html::html_report;
pub use indexmap::IndexMap;
pub use metrics::{EpochRow, Training, append_metrics, read_metrics, rewind_metrics};
pub use potstill_metrics::{Details, MetricInfo, MetricSet, Metrics, Unit};
pub use published::{PublishedFigure, PublishedPair, published_pairs, source_of};
pub use schema::SCHEMA_VERSION;
pub use spread::Spread;
pub use summary::{EpochResult, Network, Summary, Teacher, Validated, read_summary, write_summary};
pub use tiles::{MarkedBox, Tile, TileSheet, label_map_png};
