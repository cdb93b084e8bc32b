//! The figures of a trained network, as a table and as JSON.

use serde_json::{Map, Value, json};
use wengert::{
    Result,
    train::{ClassAngles, Verification},
};

use crate::options::Kind;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The fraction of the test images whose class is predicted, without a margin.
    pub accuracy: f64,
    /// Of the pairs of unseen classes: area under the ROC curve, equal error rate, true accept rate at a false accept
    /// rate of at most 1/100.
    pub auc: f64,
    pub eer: f64,
    pub tar: f64,
    /// Of the test images: the mean angle to the center of their class, and the smallest between two centers.
    pub within: f64,
    pub between: f64,
    /// The mean over classes of the angle to the nearest other center.
    pub mean_between: f64,
    pub seconds: f64,
}

impl Figures {
    /// Gathers the figures.
    pub fn new(accuracy: f64, angles: &ClassAngles, pairs: &Verification, seconds: f64) -> Result<Self> {
        Ok(Figures {
            accuracy,
            auc: pairs.auc(),
            eer: pairs.eer(),
            tar: pairs.tar_at_far(1e-2)?.tar,
            within: angles.mean_within().to_degrees(),
            between: angles.between.iter().copied().fold(f64::INFINITY, f64::min).to_degrees(),
            mean_between: angles.mean_between().to_degrees(),
            seconds,
        })
    }
}

/// A figure by its name in `metrics.json`.
type Column = (&'static str, fn(&Figures) -> f64);

const COLUMNS: [Column; 8] = [
    ("accuracy", |f| f.accuracy),
    ("auc", |f| f.auc),
    ("eer", |f| f.eer),
    ("tar_at_far_1e2", |f| f.tar),
    ("within_degrees", |f| f.within),
    ("between_degrees", |f| f.between),
    ("mean_between_degrees", |f| f.mean_between),
    ("seconds", |f| f.seconds),
];

/// For each loss an object with a list over seeds of each figure.
pub fn as_json(all: &[(Kind, Vec<Figures>)]) -> Map<String, Value> {
    let lists = |runs: &[Figures]| -> Map<String, Value> {
        COLUMNS
            .iter()
            .map(|(name, of)| ((*name).to_owned(), json!(runs.iter().map(of).collect::<Vec<f64>>())))
            .collect()
    };
    all.iter().map(|(kind, runs)| (kind.to_string(), Value::Object(lists(runs)))).collect()
}

/// The head of the table.
pub fn head() -> String {
    "loss        accuracy     AUC      EER   TAR at FAR 1/100   within  smallest between".to_owned()
}

/// A row of the table.
pub fn row(kind: Kind, f: &Figures) -> String {
    format!(
        "{kind:<10}    {:.4}  {:.4}   {:.4}             {:.4}   {:>5.1}°            {:>5.1}°",
        f.accuracy, f.auc, f.eer, f.tar, f.within, f.between
    )
}

/// Mean ± standard deviation over seeds for each loss.
pub fn summary(all: &[(Kind, Vec<Figures>)]) -> String {
    let mut lines = vec!["mean ± standard deviation over the seeds:".to_owned()];
    for (kind, runs) in all {
        let of = |column: fn(&Figures) -> f64, digits: usize| {
            let values: Vec<f64> = runs.iter().map(column).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
            format!("{mean:.digits$} ± {spread:.digits$}")
        };
        lines.push(format!(
            "{kind:<10}  accuracy {}, AUC {}, EER {}, TAR {}, within {}°, smallest between {}°",
            of(|f| f.accuracy, 4),
            of(|f| f.auc, 4),
            of(|f| f.eer, 4),
            of(|f| f.tar, 4),
            of(|f| f.within, 1),
            of(|f| f.between, 1),
        ));
    }
    lines.join("\n")
}
